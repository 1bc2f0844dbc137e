//! What a character is for words.

use unicode_normalization::char::is_combining_mark;

/// What a character does to the word that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Ends a word.
    Separator,
    /// Is left out, and does not end a word: an accent, a joiner, a soft hyphen.
    Ignored,
    /// Belongs to the character before it: a vowel sign, a tone mark, the marks of が and ぱ.
    Mark,
    /// A letter or a digit of a word.
    Letter,
    /// A word by itself: of a script that is written without spaces, or a symbol.
    Character,
}

impl Class {
    /// The class of a character in canonical composition; `None` if it has to be decomposed first.
    pub(super) fn of_composed(c: char) -> Option<Self> {
        match c {
            _ if c.is_ascii() => Some(Class::of_ascii(c)),
            // Han, and Hangul, which would be decomposed to the letters of a syllable.
            '\u{3131}'..='\u{318e}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => {
                Some(Class::Character)
            }
            _ => is_symbol(c).then_some(Class::Character),
        }
    }

    /// The class of a character in compatible decomposition.
    pub(super) fn of_decomposed(c: char) -> Self {
        match c {
            _ if c.is_ascii() => Class::of_ascii(c),
            _ if is_ignored(c) => Class::Ignored,
            _ if is_combining_mark(c) => Class::Mark,
            _ if !c.is_alphanumeric() => Class::Separator,
            _ if is_of_script_without_spaces(c) => Class::Character,
            _ => Class::Letter,
        }
    }

    pub(super) fn of_ascii(c: char) -> Self {
        match c.is_ascii_alphanumeric() {
            true => Class::Letter,
            false => Class::Separator,
        }
    }
}

/// Returns what a lower-case letter is written as where it is not on the keyboard. These have no decomposition in Unicode.
pub(super) fn transliterate(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

/// Emoji and other symbols, each of which is a word as it is. Those of ASCII and currencies separate words.
fn is_symbol(c: char) -> bool {
    match c {
        '\u{1f000}'..='\u{1faff}' => true,
        '©' | '®' | '°' | '\u{2100}'..='\u{2bff}' | '\u{3200}'..='\u{33ff}' => {
            !c.is_alphanumeric()
        }
        _ => false,
    }
}

/// Scripts whose words follow each other without spaces: Han, Kana, Bopomofo, Hangul, Thai, Lao, Burmese, Khmer.
fn is_of_script_without_spaces(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3038}'..='\u{303c}'
        | '\u{3041}'..='\u{318e}'
        | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{a9e0}'..='\u{a9ff}'
        | '\u{aa60}'..='\u{aa7f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{16fe0}'..='\u{18d8f}'
        | '\u{1aff0}'..='\u{1b2ff}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

/// Accents, vowel points that may be left out, and characters without a shape of their own.
fn is_ignored(c: char) -> bool {
    matches!(c,
        // Accents of Latin, Greek and Cyrillic.
        '\u{0300}'..='\u{036f}'
        | '\u{0483}'..='\u{0489}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}'
        // Points of Hebrew.
        | '\u{0591}'..='\u{05bd}'
        | '\u{05bf}'
        | '\u{05c1}'..='\u{05c2}'
        | '\u{05c4}'..='\u{05c5}'
        | '\u{05c7}'
        // Points and the elongation of Arabic.
        | '\u{0610}'..='\u{061a}'
        | '\u{0640}'
        | '\u{064b}'..='\u{065f}'
        | '\u{0670}'
        | '\u{06d6}'..='\u{06dc}'
        | '\u{06df}'..='\u{06e4}'
        | '\u{06e7}'..='\u{06e8}'
        | '\u{06ea}'..='\u{06ed}'
        | '\u{08d3}'..='\u{08ff}'
        // Soft hyphens, joiners, directions, variation selectors and tags.
        | '\u{00ad}'
        | '\u{061c}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200c}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}
