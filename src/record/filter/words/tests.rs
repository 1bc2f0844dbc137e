use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::{Needle, normalize_words};

fn check(text: &str, word: &str, expected: bool) {
    assert_eq!(Needle::new(word).is_in(text), expected, "{word} in {text}");
}

#[test]
fn whole_words_are_found_in_a_row_in_any_case() {
    check("No such User", "user", true);
    check("No such User", "use", false);
    check("No such User", "use*", true);
    check("No such User", "ser*", false);
    check("No such User", "SUCH user", true);
    check("No such User", "such us*", true);
    check("No such User", "no user", false);
    check("No such User", "us *", false);
    check("netflix_login", "login", true);
    check("GET /users/{id}", "users/{id}", true);
    check("at 12:30", "12:30", true);
    check("", "x", false);
    check(&"ab ".repeat(10_000), "ab ab", true);
    check(&format!("{} end", "ab ".repeat(10_000)), "end", false);
    check(&"x".repeat(100), &"x".repeat(70), true);
}

#[test]
fn case_accents_and_widths_do_not_matter() {
    // The words of each line are found by each other.
    for same in [
        &["ÜBER", "über", "uber", "U\u{308}BER"][..],
        &["café", "cafe\u{301}", "CAFE", "ｃａｆé", "ca\u{ad}fe"],
        &["Straße", "STRASSE", "STRAẞE", "strasse"],
        &["ΟΔΟΣ", "οδός", "οδοσ"],
        &["İSTANBUL", "istanbul", "ISTANBUL", "ıstanbul"],
        &["Łódź", "lodz"],
        &["smørrebrød", "SMORREBROD"],
        &["þórður", "thordur"],
        &["Æon", "aeon"],
        &["ﬁle", "FILE"],
        &["５００", "500"],
        &["ｱｷﾊﾊﾞﾗ", "アキハバラ", "アキハハ\u{3099}ラ"],
        &["Ёлка", "елка"],
        &["שָׁלוֹם", "שלום"],
        &["مُحَمَّد", "محمد", "محـمد"],
        &["Việt", "VIET"],
    ] {
        for (text, word) in same.iter().flat_map(|a| same.iter().map(move |b| (a, b))) {
            check(&format!("- {text}."), word, true);
        }
    }
    check("が", "か", false);
    check("ぱ", "は", false);
    check("cafes", "café", false);
}

#[test]
fn a_mark_does_not_split_a_word() {
    check("हिन्दी में", "हिन्दी", true);
    check("हिन्दी में", "में", true);
    check("हिन्दी", "हिन", false);
    check("हिन्दी", "न", false);
    check("தமிழ்", "தமிழ்", true);
    check("می\u{200c}خواهم", "میخواهم", true);
}

#[test]
fn any_part_of_a_text_without_spaces_is_found() {
    for (text, parts) in [
        ("日本語", &["日本語", "日本", "本語", "日", "語", "日*"][..]),
        ("東京API", &["東京", "京api", "api", "東京API", "京a*"]),
        ("𠮷野家", &["𠮷", "野家"]),
        ("コーヒーを飲む", &["コーヒー", "ヒー", "飲"]),
        ("ﾎﾞｰﾙ", &["ボール", "ー", "ボ"]),
        (
            "한국어",
            &["한국", "국어", "어", "한국어", "\u{1112}\u{1161}\u{11ab}국"],
        ),
        ("ㅋㅋㅋ", &["ㅋ", "ㅋㅋ"]),
        ("ㄅㄆㄇ", &["ㄆ"]),
        ("สินค้าใหม่", &["สินค้า", "ใหม่", "ค้า"]),
        ("ສະບາຍດີ", &["ບາຍ"]),
        ("ភាសាខ្មែរ", &["ភាសា", "ខ្មែរ"]),
        ("မြန်မာ", &["မြန်", "မာ"]),
    ] {
        for part in parts {
            check(&format!("x {text} y"), part, true);
        }
    }
    check("日本語", "日語", false);
    check("日本語", "本日", false);
    check("東京API", "ap", false);
}

#[test]
fn symbols_are_words_as_they_are() {
    check("party🎉🎉tonight", "🎉", true);
    check("party🎉🎉tonight", "party", true);
    check("party🎉", "🎊", false);
    check("by 👩\u{200d}💻", "👩\u{200d}💻", true);
    check("ok 👍🏽", "👍🏽", true);
    check("ok 👍🏽", "👍🏿", false);
    check("love ❤\u{fe0f}", "❤", true);
    check("Acme™", "acme", true);
    check("Acme™", "Acme™", true);
    check("flags 🇩🇪🇫🇷", "🇫🇷", true);
    check("a≠b", "=\u{338}", true);
}

#[test]
fn a_text_without_words_is_searched_as_it_is() {
    check("and then...", "...", true);
    check("and then", "...", false);
    check("no!!!", "!!!", true);
    check("§ *", "§ *", true);
    check("§ 5", "§ *", false);
    check("a  b", "  ", true);
    check("costs 5 €", "€", true);
    check("50", "-", false);
    for text in ["", "x", "..."] {
        check(text, "", false);
    }
    for word in ["*", "-", "§ *", "...", "\u{301}"] {
        assert!(matches!(Needle::new(word), Needle::Literal(_)), "{word}");
    }
}

#[test]
fn the_form_for_sql_keeps_the_needle() {
    for word in ["user", "us*", "...", "", "=", " ", "= x"] {
        let needle = Needle::new(word);
        assert_eq!(Needle::from_sql(&needle.to_sql()), needle, "{word}");
    }
}

/// Texts of characters that are composed, decomposed or treated in a special way.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ._*-]{0,8}",
        "[éÅñßæøłİıΣςοΐΩﬁＡ１ｶﾞﾟがパ한한ㅋ日𠮷々⼀ไทยำ်្้≠™Ⓐ①½²🎉🏽\u{200d}\u{fe0f}\u{301}\u{308}\u{345}\u{3099}\u{93c}क़ো\u{64e}\u{5b8}\u{654}أـ·'-]{0,8}",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn equivalent_texts_have_the_same_words(text in texts()) {
        let words = normalize_words(&text);
        prop_assert_eq!(&normalize_words(&text.nfd().collect::<String>()), &words);
        prop_assert_eq!(&normalize_words(&text.nfc().collect::<String>()), &words);
    }

    #[test]
    fn a_text_with_words_is_found_in_itself(before in "[ .a-z]{0,3}", text in texts(), after in "[ .]{0,3}") {
        let text = text.trim_end_matches('*');
        if let Needle::Phrase(_) = Needle::new(text) {
            let inside = format!("{before} {text} {after}");
            prop_assert!(Needle::new(text).is_in(&inside), "{}", inside);
        }
    }
}
