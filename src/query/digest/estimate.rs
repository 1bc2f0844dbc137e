//! An upper bound of a text's tokens, without a tokenizer.

use std::{collections::HashSet, sync::LazyLock};

/// Estimates the tokens of a text for a language model: an upper bound of what `o200k_base` and `cl100k_base` count, for any
/// text.
///
/// Both split a text into pieces, a word with the space before it or up to three digits, and encode each piece from bytes by
/// merging neighbors until no two of them are a token. So the estimate counts
///
/// - 1 for each of 8,000 English words that both have as one token, if it stands alone behind a space;
/// - 2 for every three letters of other words: every pair of lower-case letters is a token, but for some with `f`, `j`, `k`,
///   `q`, `v`, `x` and `z`, so no two of the others stay single side by side. Those and capitals count 1 each;
/// - 1 for every three digits, 1 for each ASCII sign and line break, and 1 for every byte outside of ASCII.
///
/// It is about 1.3 times the count of English sentences, and up to three times that of other languages in Latin letters.
///
/// # Examples
///
/// ```
/// use tower_activity::query::estimated_tokens;
///
/// assert_eq!(estimated_tokens("- 2026-02-18 09:30 · the report is ready"), 17);
/// ```
pub fn estimated_tokens(text: &str) -> usize {
    let mut tokens = 0;
    let mut after_space = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let class = Class::of(first);
        let end = rest.find(|c| Class::of(c) != class);
        let (run, following) = rest.split_at(end.unwrap_or(rest.len()));
        // A space before a letter or an ASCII sign is part of that piece.
        tokens += match class {
            Class::Space if following.is_empty() => run.len(),
            Class::Space => run.len() - 1,
            Class::Letter if after_space && is_word(run, following) => 1,
            Class::Letter => letters(run, after_space),
            Class::Number if run.is_ascii() => run.len().div_ceil(3) + usize::from(after_space),
            Class::Other if SIGNS.contains(&run) => 1,
            Class::Other if first.is_ascii_punctuation() => run.len(),
            Class::Number | Class::Other => run.len() + usize::from(after_space),
        };
        after_space = class == Class::Space;
        rest = following;
    }
    tokens
}

/// Words that both vocabularies have as one token with a space before them.
static WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("words.txt").lines().collect());
/// Letters of which not every pair with another letter is a token.
const ALONE: &str = "fjkqvxz";
/// The signs of digests that are one token with and without a space before them.
const SIGNS: [&str; 2] = ["###", "·"];

/// The classes of characters whose runs are estimated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    /// An ASCII letter.
    Letter,
    Number,
    Other,
}

impl Class {
    fn of(c: char) -> Class {
        match c {
            ' ' => Class::Space,
            c if c.is_ascii_alphabetic() => Class::Letter,
            c if c.is_numeric() => Class::Number,
            _ => Class::Other,
        }
    }
}

/// Returns true if these letters are one of [`WORDS`] and `following` does not continue the piece, as an accented letter or
/// `'s` does.
fn is_word(letters: &str, following: &str) -> bool {
    let ends = following
        .chars()
        .next()
        .is_none_or(|c| c.is_ascii() && c != '\'');
    ends && WORDS.contains(letters)
}

/// Returns the highest number of tokens of a run of ASCII letters.
fn letters(run: &str, after_space: bool) -> usize {
    let is_alone = |c: char| c.is_ascii_uppercase() || ALONE.contains(c);
    let alone = run.chars().filter(|c| is_alone(*c)).count();
    let others = run
        .split(is_alone)
        .enumerate()
        .map(|(at, part)| match part.len() {
            0 => 0,
            // The space is like one more letter.
            length if after_space && at == 0 => 2 * length / 3 + 1,
            length => (2 * length + 1) / 3,
        });
    alone + others.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_counts_words_digits_and_signs_like_a_tokenizer() {
        let check = |text: &str, expected| assert_eq!(estimated_tokens(text), expected, "{text}");
        check("", 0);
        check("### Recent activity", 3);
        check("to 3 people", 4);
        check("2026-02-18 09:30", 10);
        check("1234567", 3);
        check("日本 é", 9);
        check("a  b", 3);
        check("one\ntwo\n", 6);
        check("x1x1", 4);
        check(" words, words", 3);
        check(" words' wordsé", 11);
    }

    #[cfg(feature = "tokenizer")]
    mod beside_tokenizers {
        use bpe_openai::{cl100k_base, o200k_base};
        use proptest::{collection::vec, prelude::*, sample::select};

        use crate::query::digest::estimate::{ALONE, SIGNS, WORDS, estimated_tokens};

        /// Sentences in other languages and writing systems.
        const SENTENCES: [&str; 20] = [
            "Der Wochenbericht für den Vorstand wurde geliefert",
            "Le déploiement en production s'est terminé sans erreur",
            "Se añadieron tres tablas a la base de datos de facturación",
            "Il pagamento è stato rifiutato dalla banca dopo due tentativi",
            "A cópia de segurança do servidor foi concluída",
            "Tietokanta varmuuskopioitiin onnistuneesti yöllä",
            "Veritabanı yedeği başarıyla oluşturuldu",
            "Wdrożenie nie powiodło się: przekroczono czas połączenia",
            "Az adatbázis biztonsági mentése sikeresen elkészült",
            "Cwblhawyd y copi wrth gefn yn llwyddiannus heddiw",
            "Hifadhidata imehifadhiwa kikamilifu usiku wa leo",
            "Đã triển khai phiên bản mới lên máy chủ",
            "Еженедельный отчёт для совета директоров отправлен",
            "Η εβδομαδιαία αναφορά στάλθηκε στο διοικητικό συμβούλιο",
            "הדוח השבועי נשלח לדירקטוריון",
            "تم إرسال التقرير الأسبوعي إلى مجلس الإدارة",
            "साप्ताहिक रिपोर्ट बोर्ड को भेज दी गई",
            "ส่งรายงานประจำสัปดาห์ให้คณะกรรมการแล้ว",
            "週次レポートを取締役会に送信しました",
            "Շաբաթական հաշվետվությունը ուղարկված է խորհրդին",
        ];

        /// Returns the higher count of both tokenizers.
        fn highest(text: &str) -> usize {
            o200k_base().count(text).max(cl100k_base().count(text))
        }

        fn assert_bound(text: &str) {
            let (counted, estimated) = (highest(text), estimated_tokens(text));
            assert!(counted <= estimated, "{counted} > {estimated}: {text:?}");
        }

        #[test]
        fn words_signs_and_digits_are_one_token() {
            let words = WORDS.iter().map(|word| format!(" {word}"));
            let signs = SIGNS
                .iter()
                .flat_map(|sign| [(*sign).to_owned(), format!(" {sign}")]);
            let digits =
                (0..1000).flat_map(|n| [format!("{n}"), format!("{n:02}"), format!("{n:03}")]);
            for text in words.chain(signs).chain(digits) {
                assert_eq!(highest(&text), 1, "{text:?}");
            }
            assert_eq!(WORDS.len(), include_str!("words.txt").lines().count());
        }

        #[test]
        fn neighbors_that_the_estimate_takes_for_a_pair_are_a_token() {
            let lower = || ('a'..='z').filter(|c| !ALONE.contains(*c));
            let pairs = lower().flat_map(|a| lower().map(move |b| format!("{a}{b}")));
            let signs = ('!'..='~').map(|c| format!(" {c}"));
            for text in pairs.chain(signs.filter(|text| !text.ends_with(char::is_numeric))) {
                assert_eq!(highest(&text), 1, "{text:?}");
            }
        }

        #[test]
        fn sentences_of_other_languages_take_no_more_than_the_estimate() {
            for sentence in SENTENCES {
                assert_bound(sentence);
                assert_bound(&format!("- 2026-02-18 09:30 · failed: {sentence}\n"));
            }
        }

        fn text() -> impl Strategy<Value = String> {
            let words = select(include_str!("words.txt").lines().collect::<Vec<_>>());
            let word = prop_oneof![
                words.prop_map(str::to_owned),
                "[a-z]{1,12}",
                "[A-Z]?[a-z]{1,12}('s|'ll|n't)?",
                "[A-Za-z0-9_]{1,12}",
                "[0-9]{1,12}",
                "[!-~]{1,8}",
                "[\\p{Latin}\\p{M}]{1,8}",
                "[\\p{Cyrillic}\\p{Greek}\\p{Arabic}\\p{Hebrew}\\p{Armenian}]{1,8}",
                "[\\p{Han}\\p{Hangul}\\p{Hiragana}\\p{Thai}\\p{Devanagari}]{1,6}",
                "[\\p{N}]{1,6}",
                "[\\p{Emoji}\u{200d}\u{fe0f}]{1,6}",
            ];
            let separator = select(vec![
                " ", " ", " ", "  ", "", "-", ", ", ": ", ".", "/", "\n", " · ", "…", "'", "\u{a0}",
            ]);
            let sentence = vec((word, separator), 0..20).prop_map(|parts| {
                parts
                    .into_iter()
                    .map(|(word, separator)| word + separator)
                    .collect()
            });
            let line = (any::<u32>(), 0..28u32, 0..60u32, "[A-Za-z0-9 .:,/]{0,60}").prop_map(
                |(number, day, minute, rest)| {
                    format!("- 2026-02-{day:02} 09:{minute:02} · {rest}{number}\n")
                },
            );
            prop_oneof![
                4 => sentence,
                2 => line,
                1 => any::<String>(),
                1 => vec(any::<u8>(), 0..80).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
                1 => "[A-Za-z0-9+/]{0,120}={0,2}",
                1 => "[0-9a-f]{0,80}",
                1 => "[a-z]{0,60}",
                1 => "https?://[a-z0-9.-]{1,30}(/[A-Za-z0-9_%~-]{0,20}){0,5}(\\?[a-z]{1,8}=[^\n]{0,20})?",
                1 => "[a-z_]{1,12}\\([a-z_&*]{0,8}\\) -> [A-Z][a-z]{1,8}<[a-z0-9]{1,6}> \\{ [!-~ ]{0,40} \\}",
                1 => (any::<char>(), 1..200usize).prop_map(|(c, count)| c.to_string().repeat(count)),
                1 => ("[!-~ ]{1,3}", 1..80usize).prop_map(|(part, count)| part.repeat(count)),
            ]
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(4_000))]

            #[test]
            fn no_text_takes_more_tokens_than_the_estimate(text in text()) {
                assert_bound(&text);
            }
        }
    }
}
