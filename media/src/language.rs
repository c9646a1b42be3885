//! Languages: what sources state → the tags manifests carry.
//!
//! Server manifests and `mdhd` name languages by ISO 639-2 (`eng`, `fre`); DASH
//! and HLS want BCP 47 (RFC 5646), which asks for the shortest code (`en`, `fr`).

/// Longest tag read, in bytes. Real ones take two to about fifteen.
const TAG_SIZE_MAX: usize = 64;

/// Codes that name no language: undetermined, uncoded.
const UNKNOWN: [&str; 2] = ["und", "mis"];

/// ISO 639-2 (terminological) and ISO 639-3 codes that have a shorter ISO 639-1 code. Sorted.
#[rustfmt::skip]
const SHORT: [(&str, &str); 183] = [
    ("aar", "aa"), ("abk", "ab"), ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("arg", "an"),
    ("asm", "as"), ("ava", "av"), ("ave", "ae"), ("aym", "ay"), ("aze", "az"), ("bak", "ba"), ("bam", "bm"),
    ("bel", "be"), ("ben", "bn"), ("bis", "bi"), ("bod", "bo"), ("bos", "bs"), ("bre", "br"), ("bul", "bg"),
    ("cat", "ca"), ("ces", "cs"), ("cha", "ch"), ("che", "ce"), ("chu", "cu"), ("chv", "cv"), ("cor", "kw"),
    ("cos", "co"), ("cre", "cr"), ("cym", "cy"), ("dan", "da"), ("deu", "de"), ("div", "dv"), ("dzo", "dz"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("eus", "eu"), ("ewe", "ee"), ("fao", "fo"),
    ("fas", "fa"), ("fij", "fj"), ("fin", "fi"), ("fra", "fr"), ("fry", "fy"), ("ful", "ff"), ("gla", "gd"),
    ("gle", "ga"), ("glg", "gl"), ("glv", "gv"), ("grn", "gn"), ("guj", "gu"), ("hat", "ht"), ("hau", "ha"),
    ("heb", "he"), ("her", "hz"), ("hin", "hi"), ("hmo", "ho"), ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"),
    ("ibo", "ig"), ("ido", "io"), ("iii", "ii"), ("iku", "iu"), ("ile", "ie"), ("ina", "ia"), ("ind", "id"),
    ("ipk", "ik"), ("isl", "is"), ("ita", "it"), ("jav", "jv"), ("jpn", "ja"), ("kal", "kl"), ("kan", "kn"),
    ("kas", "ks"), ("kat", "ka"), ("kau", "kr"), ("kaz", "kk"), ("khm", "km"), ("kik", "ki"), ("kin", "rw"),
    ("kir", "ky"), ("kom", "kv"), ("kon", "kg"), ("kor", "ko"), ("kua", "kj"), ("kur", "ku"), ("lao", "lo"),
    ("lat", "la"), ("lav", "lv"), ("lim", "li"), ("lin", "ln"), ("lit", "lt"), ("ltz", "lb"), ("lub", "lu"),
    ("lug", "lg"), ("mah", "mh"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mlg", "mg"), ("mlt", "mt"),
    ("mon", "mn"), ("mri", "mi"), ("msa", "ms"), ("mya", "my"), ("nau", "na"), ("nav", "nv"), ("nbl", "nr"),
    ("nde", "nd"), ("ndo", "ng"), ("nep", "ne"), ("nld", "nl"), ("nno", "nn"), ("nob", "nb"), ("nor", "no"),
    ("nya", "ny"), ("oci", "oc"), ("oji", "oj"), ("ori", "or"), ("orm", "om"), ("oss", "os"), ("pan", "pa"),
    ("pli", "pi"), ("pol", "pl"), ("por", "pt"), ("pus", "ps"), ("que", "qu"), ("roh", "rm"), ("ron", "ro"),
    ("run", "rn"), ("rus", "ru"), ("sag", "sg"), ("san", "sa"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"),
    ("sme", "se"), ("smo", "sm"), ("sna", "sn"), ("snd", "sd"), ("som", "so"), ("sot", "st"), ("spa", "es"),
    ("sqi", "sq"), ("srd", "sc"), ("srp", "sr"), ("ssw", "ss"), ("sun", "su"), ("swa", "sw"), ("swe", "sv"),
    ("tah", "ty"), ("tam", "ta"), ("tat", "tt"), ("tel", "te"), ("tgk", "tg"), ("tgl", "tl"), ("tha", "th"),
    ("tir", "ti"), ("ton", "to"), ("tsn", "tn"), ("tso", "ts"), ("tuk", "tk"), ("tur", "tr"), ("twi", "tw"),
    ("uig", "ug"), ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("ven", "ve"), ("vie", "vi"), ("vol", "vo"),
    ("wln", "wa"), ("wol", "wo"), ("xho", "xh"), ("yid", "yi"), ("yor", "yo"), ("zha", "za"), ("zho", "zh"),
    ("zul", "zu"),
];

/// ISO 639-2 bibliographic codes, and the terminological ones they stand for. Sorted.
#[rustfmt::skip]
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"), ("arm", "hye"), ("baq", "eus"), ("bur", "mya"), ("chi", "zho"), ("cze", "ces"),
    ("dut", "nld"), ("fre", "fra"), ("geo", "kat"), ("ger", "deu"), ("gre", "ell"), ("ice", "isl"),
    ("mac", "mkd"), ("mao", "mri"), ("may", "msa"), ("per", "fas"), ("rum", "ron"), ("slo", "slk"),
    ("tib", "bod"), ("wel", "cym"),
];

/// The BCP 47 tag of a language as a source states it: an ISO 639-2 code or a
/// tag already, in any case, `_` allowed for `-`. The primary language takes its
/// shortest code and subtags their usual case: `fre` → `fr`, `pt_br` → `pt-BR`.
///
/// `None` when no language is stated (`und`) or the tag is not well formed.
#[must_use]
pub fn bcp47(stated: &str) -> Option<String> {
    if stated.len() > TAG_SIZE_MAX {
        return None;
    }
    let lower = stated.trim().to_ascii_lowercase();
    let mut subtags = lower.split(['-', '_']);
    let primary = subtags.next().filter(|primary| is_primary(primary))?;
    if UNKNOWN.contains(&primary) {
        return None;
    }
    let mut tag = shortest(primary).to_owned();
    // After a single letter come extensions, which stay in lower case.
    let mut in_extension = false;
    for subtag in subtags {
        if subtag.is_empty() || subtag.len() > 8 || !subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        in_extension |= subtag.len() == 1;
        let is_word = subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
        tag.push('-');
        match subtag.len() {
            2 if is_word && !in_extension => tag.push_str(&subtag.to_ascii_uppercase()),
            4 if is_word && !in_extension => {
                let (first, rest) = subtag.split_at(1);
                tag.push_str(&first.to_ascii_uppercase());
                tag.push_str(rest);
            }
            _ => tag.push_str(subtag),
        }
    }
    Some(tag)
}

/// Whether this can be a primary language subtag: 2 or 3 letters, or `i` and `x`,
/// whose tags no player understands.
fn is_primary(subtag: &str) -> bool {
    matches!(subtag.len(), 2 | 3) && subtag.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn shortest(primary: &str) -> &str {
    let terminological = find(&BIBLIOGRAPHIC, primary).unwrap_or(primary);
    find(&SHORT, terminological).unwrap_or(terminological)
}

fn find<'a>(table: &'a [(&str, &'a str)], code: &str) -> Option<&'a str> {
    let index = table.binary_search_by_key(&code, |(long, _)| *long).ok()?;
    table.get(index).map(|(_, short)| *short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stated: &str, expected: Option<&str>) {
        assert_eq!(bcp47(stated).as_deref(), expected, "{stated:?}");
    }

    #[test]
    fn three_letter_codes_become_the_shortest() {
        check("eng", Some("en"));
        check("fra", Some("fr"));
        check("fre", Some("fr"));
        check("GER", Some("de"));
        check("zul", Some("zu"));
        check("aar", Some("aa"));
    }

    #[test]
    fn codes_without_a_shorter_one_stay() {
        check("haw", Some("haw"));
        check("gsw", Some("gsw"));
        check("zxx", Some("zxx"));
        check("mul", Some("mul"));
    }

    #[test]
    fn tags_take_their_usual_case() {
        check("en", Some("en"));
        check("EN-us", Some("en-US"));
        check("pt_BR", Some("pt-BR"));
        check("zho-hant-tw", Some("zh-Hant-TW"));
        check("es-419", Some("es-419"));
        check("de-x-AB", Some("de-x-ab"));
    }

    #[test]
    fn what_states_no_language_is_left_out() {
        for stated in [
            "", "und", "UND", "mis", "e", "engl", "en-", "en--us", "```", "en-\"", "x-y", "é",
        ] {
            check(stated, None);
        }
        check(&format!("en{}", "-a".repeat(64)), None);
    }

    #[test]
    fn tables_are_sorted() {
        assert!(SHORT.is_sorted_by_key(|(long, _)| *long));
        assert!(BIBLIOGRAPHIC.is_sorted_by_key(|(long, _)| *long));
    }
}
