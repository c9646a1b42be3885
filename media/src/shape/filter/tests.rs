use proptest::prelude::*;

use super::*;

fn check(expression: &str, canonical: &str) {
    let filter = Filter::parse(expression).unwrap();
    assert_eq!(filter.to_string(), canonical, "{expression}");
    assert_eq!(Filter::parse(canonical), Ok(filter), "{canonical}");
}

fn check_refused(expression: &str, position: usize, reason: &str) {
    let error = Filter::parse(expression).unwrap_err();
    assert_eq!(error.position, position, "{expression}: {error}");
    assert!(error.reason.contains(reason), "{expression}: {error}");
}

#[test]
fn expressions_are_read() {
    check("type==\"audio\"", "type==\"audio\"");
    check(" ( systemBitrate  <=  100000 ) ", "systemBitrate<=100000");
    check(
        "(type==\"audio\"&&systemBitrate<100000)||(type==\"video\"&&MaxHeight<=576)",
        "type==\"audio\"&&systemBitrate<100000||type==\"video\"&&MaxHeight<=576",
    );
    check(
        "!(channels>2)&&(type != 'video' || maxwidth >= \"1280\")",
        "!channels>2&&(type!=\"video\"||MaxWidth>=1280)",
    );
    check(
        "!( (channels>2 && channels<6) || !(type=='video') )",
        "!(channels>2&&channels<6||!type==\"video\")",
    );
    check("!!type=='audio'", "!!type==\"audio\"");
    check("trackName=='it\\'s \"a\\\\'", "trackName==\"it's \\\"a\\\\\"");
    check("trackName==1080", "trackName==\"1080\"");
    check(
        "trackID==1||(trackID==2||trackID==3)&&(trackID!=4&&trackID!=5)",
        "trackID==1||(trackID==2||trackID==3)&&trackID!=4&&trackID!=5",
    );
}

#[test]
fn a_mistake_has_its_place_and_what_was_expected() {
    check_refused("", 0, "one of type, trackID");
    check_refused("type", 4, "`==` or `!=`");
    check_refused("type=\"audio\"", 4, "`==` or `!=`");
    check_refused("type<\"audio\"", 4, "`==` or `!=`, found `<`");
    check_refused("type==audio", 6, "a text in quotes");
    check_refused("type==\"audio", 12, "the closing quote, found the end");
    check_refused("trackName==\"\\x\"", 13, "behind `\\`");
    check_refused("systemBitrate<\"much\"", 14, "a whole number");
    check_refused("systemBitrate<-1", 14, "a whole number");
    check_refused("systemBitrate<18446744073709551616", 14, "below 2^64");
    check_refused("MaxHeigth<576", 0, "MaxHeight");
    check_refused("MaxHeight<576&MaxWidth<1", 13, "`&&`, `||` or the end, found `&`");
    check_refused("MaxHeight<576&&", 15, "one of type");
    check_refused("(MaxHeight<576", 14, "`)`, found the end");
    check_refused("MaxHeight<576)", 13, "the end, found `)`");
    check_refused("trackName==\"\u{e9}\u{1f600}\"&&x", 17, "one of type");
    let long = format!("trackName==\"{}\"", "x".repeat(EXPRESSION_LENGTH_MAX));
    check_refused(&long, EXPRESSION_LENGTH_MAX, "at most 2048");
    // Each of these quotes is escaped where the filter is written into URLs.
    let quotes = format!("trackName=='{}'", "\"".repeat(1500));
    check_refused(&quotes, EXPRESSION_LENGTH_MAX, "at most 2048");
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{}type=='audio'{}", "(".repeat(depth), ")".repeat(depth));
    check(&nested(NESTING_MAX), "type==\"audio\"");
    check_refused(&nested(NESTING_MAX + 1), NESTING_MAX + 1, "32 levels");
    check_refused(&"!".repeat(1000), NESTING_MAX + 1, "32 levels");
    let reason = format!("at most {NESTING_MAX} levels");
    check_refused(&nested(1000), NESTING_MAX + 1, &reason);
    let negations = format!("{}channels>2", "!".repeat(NESTING_MAX));
    check(&negations, &negations);
    // Levels that were left again do not count.
    check(
        &["(type=='audio')"; 100].join("||"),
        &["type==\"audio\""; 100].join("||"),
    );
}

#[test]
fn every_property_has_its_name() {
    for property in Property::ALL {
        let expression = format!("{}==\"1\"", property.name());
        assert!(Filter::parse(&expression).is_ok(), "{expression}");
        assert!(Filter::parse("x").unwrap_err().reason.contains(property.name()));
    }
}

/// Any filter that the grammar can make.
fn filters() -> impl Strategy<Value = Filter> {
    let property = prop::sample::select(Property::ALL.to_vec());
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::More,
        Comparison::MoreOrEqual,
    ]);
    let leaf = (property, comparison, any::<u64>(), any::<bool>(), ".{0,12}").prop_map(
        |(property, comparison, number, is_equal, value)| match property.is_text() {
            true => Filter::Text {
                property,
                is_equal,
                value,
            },
            false => Filter::Number {
                property,
                comparison,
                value: number,
            },
        },
    );
    leaf.prop_recursive(6, 40, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Filter::any),
            several.prop_map(Filter::all),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(filter in filters()) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn whatever_is_no_expression_has_a_place_within_it(text in "[a-zA-Z=!<>&|()\"'\\\\ 0-9\u{e9}]{0,60}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.position <= text.chars().count());
            prop_assert!(error.reason.starts_with("expected "), "{}", error);
        }
    }
}
