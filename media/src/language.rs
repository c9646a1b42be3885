//! Languages: what sources state → the tags manifests carry.
//!
//! Server manifests and `mdhd` name languages by ISO 639-2 (`eng`, `fre`); DASH
//! and HLS want BCP 47 (RFC 5646), which asks for the shortest code (`en`, `fr`).

/// Longest tag read, in bytes. Real ones take two to about fifteen.
const TAG_SIZE_MAX: usize = 64;

/// Codes that name no language: undetermined, uncoded.
const UNKNOWN: [&str; 2] = ["und", "mis"];

/// ISO 639-2 (terminological) codes that have a shorter ISO 639-1 code, that
/// code, and the language's English name. Sorted.
#[rustfmt::skip]
const LANGUAGES: [(&str, &str, &str); 183] = [
    ("aar", "aa", "Afar"), ("abk", "ab", "Abkhazian"), ("afr", "af", "Afrikaans"), ("aka", "ak", "Akan"),
    ("amh", "am", "Amharic"), ("ara", "ar", "Arabic"), ("arg", "an", "Aragonese"),
    ("asm", "as", "Assamese"), ("ava", "av", "Avaric"), ("ave", "ae", "Avestan"), ("aym", "ay", "Aymara"),
    ("aze", "az", "Azerbaijani"), ("bak", "ba", "Bashkir"), ("bam", "bm", "Bambara"),
    ("bel", "be", "Belarusian"), ("ben", "bn", "Bengali"), ("bis", "bi", "Bislama"),
    ("bod", "bo", "Tibetan"), ("bos", "bs", "Bosnian"), ("bre", "br", "Breton"), ("bul", "bg", "Bulgarian"),
    ("cat", "ca", "Catalan"), ("ces", "cs", "Czech"), ("cha", "ch", "Chamorro"), ("che", "ce", "Chechen"),
    ("chu", "cu", "Church Slavonic"), ("chv", "cv", "Chuvash"), ("cor", "kw", "Cornish"),
    ("cos", "co", "Corsican"), ("cre", "cr", "Cree"), ("cym", "cy", "Welsh"), ("dan", "da", "Danish"),
    ("deu", "de", "German"), ("div", "dv", "Dhivehi"), ("dzo", "dz", "Dzongkha"), ("ell", "el", "Greek"),
    ("eng", "en", "English"), ("epo", "eo", "Esperanto"), ("est", "et", "Estonian"),
    ("eus", "eu", "Basque"), ("ewe", "ee", "Ewe"), ("fao", "fo", "Faroese"), ("fas", "fa", "Persian"),
    ("fij", "fj", "Fijian"), ("fin", "fi", "Finnish"), ("fra", "fr", "French"),
    ("fry", "fy", "Western Frisian"), ("ful", "ff", "Fulah"), ("gla", "gd", "Scottish Gaelic"),
    ("gle", "ga", "Irish"), ("glg", "gl", "Galician"), ("glv", "gv", "Manx"), ("grn", "gn", "Guarani"),
    ("guj", "gu", "Gujarati"), ("hat", "ht", "Haitian"), ("hau", "ha", "Hausa"), ("heb", "he", "Hebrew"),
    ("her", "hz", "Herero"), ("hin", "hi", "Hindi"), ("hmo", "ho", "Hiri Motu"), ("hrv", "hr", "Croatian"),
    ("hun", "hu", "Hungarian"), ("hye", "hy", "Armenian"), ("ibo", "ig", "Igbo"), ("ido", "io", "Ido"),
    ("iii", "ii", "Nuosu"), ("iku", "iu", "Inuktitut"), ("ile", "ie", "Interlingue"),
    ("ina", "ia", "Interlingua"), ("ind", "id", "Indonesian"), ("ipk", "ik", "Inupiaq"),
    ("isl", "is", "Icelandic"), ("ita", "it", "Italian"), ("jav", "jv", "Javanese"),
    ("jpn", "ja", "Japanese"), ("kal", "kl", "Kalaallisut"), ("kan", "kn", "Kannada"),
    ("kas", "ks", "Kashmiri"), ("kat", "ka", "Georgian"), ("kau", "kr", "Kanuri"), ("kaz", "kk", "Kazakh"),
    ("khm", "km", "Khmer"), ("kik", "ki", "Kikuyu"), ("kin", "rw", "Kinyarwanda"), ("kir", "ky", "Kyrgyz"),
    ("kom", "kv", "Komi"), ("kon", "kg", "Kongo"), ("kor", "ko", "Korean"), ("kua", "kj", "Kuanyama"),
    ("kur", "ku", "Kurdish"), ("lao", "lo", "Lao"), ("lat", "la", "Latin"), ("lav", "lv", "Latvian"),
    ("lim", "li", "Limburgan"), ("lin", "ln", "Lingala"), ("lit", "lt", "Lithuanian"),
    ("ltz", "lb", "Luxembourgish"), ("lub", "lu", "Luba-Katanga"), ("lug", "lg", "Ganda"),
    ("mah", "mh", "Marshallese"), ("mal", "ml", "Malayalam"), ("mar", "mr", "Marathi"),
    ("mkd", "mk", "Macedonian"), ("mlg", "mg", "Malagasy"), ("mlt", "mt", "Maltese"),
    ("mon", "mn", "Mongolian"), ("mri", "mi", "Maori"), ("msa", "ms", "Malay"), ("mya", "my", "Burmese"),
    ("nau", "na", "Nauru"), ("nav", "nv", "Navajo"), ("nbl", "nr", "South Ndebele"),
    ("nde", "nd", "North Ndebele"), ("ndo", "ng", "Ndonga"), ("nep", "ne", "Nepali"),
    ("nld", "nl", "Dutch"), ("nno", "nn", "Norwegian Nynorsk"), ("nob", "nb", "Norwegian Bokmål"),
    ("nor", "no", "Norwegian"), ("nya", "ny", "Chichewa"), ("oci", "oc", "Occitan"),
    ("oji", "oj", "Ojibwa"), ("ori", "or", "Odia"), ("orm", "om", "Oromo"), ("oss", "os", "Ossetian"),
    ("pan", "pa", "Punjabi"), ("pli", "pi", "Pali"), ("pol", "pl", "Polish"), ("por", "pt", "Portuguese"),
    ("pus", "ps", "Pashto"), ("que", "qu", "Quechua"), ("roh", "rm", "Romansh"), ("ron", "ro", "Romanian"),
    ("run", "rn", "Kirundi"), ("rus", "ru", "Russian"), ("sag", "sg", "Sango"), ("san", "sa", "Sanskrit"),
    ("sin", "si", "Sinhala"), ("slk", "sk", "Slovak"), ("slv", "sl", "Slovenian"),
    ("sme", "se", "Northern Sami"), ("smo", "sm", "Samoan"), ("sna", "sn", "Shona"),
    ("snd", "sd", "Sindhi"), ("som", "so", "Somali"), ("sot", "st", "Southern Sotho"),
    ("spa", "es", "Spanish"), ("sqi", "sq", "Albanian"), ("srd", "sc", "Sardinian"),
    ("srp", "sr", "Serbian"), ("ssw", "ss", "Swati"), ("sun", "su", "Sundanese"), ("swa", "sw", "Swahili"),
    ("swe", "sv", "Swedish"), ("tah", "ty", "Tahitian"), ("tam", "ta", "Tamil"), ("tat", "tt", "Tatar"),
    ("tel", "te", "Telugu"), ("tgk", "tg", "Tajik"), ("tgl", "tl", "Tagalog"), ("tha", "th", "Thai"),
    ("tir", "ti", "Tigrinya"), ("ton", "to", "Tongan"), ("tsn", "tn", "Tswana"), ("tso", "ts", "Tsonga"),
    ("tuk", "tk", "Turkmen"), ("tur", "tr", "Turkish"), ("twi", "tw", "Twi"), ("uig", "ug", "Uyghur"),
    ("ukr", "uk", "Ukrainian"), ("urd", "ur", "Urdu"), ("uzb", "uz", "Uzbek"), ("ven", "ve", "Venda"),
    ("vie", "vi", "Vietnamese"), ("vol", "vo", "Volapük"), ("wln", "wa", "Walloon"), ("wol", "wo", "Wolof"),
    ("xho", "xh", "Xhosa"), ("yid", "yi", "Yiddish"), ("yor", "yo", "Yoruba"), ("zha", "za", "Zhuang"),
    ("zho", "zh", "Chinese"), ("zul", "zu", "Zulu"),
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
    let bibliographic = BIBLIOGRAPHIC
        .binary_search_by_key(&primary, |(code, _)| *code)
        .ok();
    let terminological = bibliographic
        .and_then(|index| BIBLIOGRAPHIC.get(index))
        .map_or(primary, |(_, code)| *code);
    let language = LANGUAGES
        .binary_search_by_key(&terminological, |(code, _, _)| *code)
        .ok();
    language
        .and_then(|index| LANGUAGES.get(index))
        .map_or(terminological, |(_, short, _)| *short)
}

/// The ISO 639-2 code of a language as a source states it, see [`bcp47`]: `fr` →
/// `fra`. `None` when none is stated.
#[must_use]
pub fn iso_639_2(stated: &str) -> Option<[u8; 3]> {
    let tag = bcp47(stated)?;
    let primary = tag.split('-').next()?;
    let named = LANGUAGES.iter().find(|(_, short, _)| *short == primary);
    named
        .map_or(primary, |(long, _, _)| *long)
        .as_bytes()
        .try_into()
        .ok()
}

/// The English name of a tag as [`bcp47`] makes it, with its subtags: `fr` →
/// `French`, `pt-BR` → `Portuguese (BR)`. `None` when the language has no ISO 639-1 code.
#[must_use]
pub fn english_name(tag: &str) -> Option<String> {
    let (primary, subtags) = tag.split_once('-').unwrap_or((tag, ""));
    let (_, _, name) = LANGUAGES.iter().find(|(_, short, _)| *short == primary)?;
    Some(if subtags.is_empty() {
        (*name).to_owned()
    } else {
        format!("{name} ({subtags})")
    })
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
    fn names_are_english() {
        assert_eq!(english_name("fr").as_deref(), Some("French"));
        assert_eq!(english_name("pt-BR").as_deref(), Some("Portuguese (BR)"));
        assert_eq!(english_name("haw"), None);
    }

    #[test]
    fn codes_of_three_letters_are_found_for_every_tag() {
        for (stated, code) in [("fr", "fra"), ("fre", "fra"), ("pt-BR", "por"), ("haw", "haw")] {
            assert_eq!(
                iso_639_2(stated).as_ref(),
                code.as_bytes().first_chunk(),
                "{stated}"
            );
        }
        assert_eq!(iso_639_2("und"), None);
        assert_eq!(iso_639_2("xx"), None);
    }

    #[test]
    fn tables_are_sorted() {
        assert!(LANGUAGES.is_sorted_by_key(|(long, _, _)| *long));
        assert!(BIBLIOGRAPHIC.is_sorted_by_key(|(long, _)| *long));
    }
}
