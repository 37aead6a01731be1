//! The look at the text before the parser sees it: flat, one pass, no recursion.
//!
//! The parser is recursive and backtracks, so what it may be given is counted here. Both must agree
//! on where strings and comments end, or brackets could hide from one of them: text in which a
//! string does not end, where the parser would try another reading, is refused.

use async_graphql::{Pos, ServerError};

use super::{exceeded, parse_failed};
use crate::limits::Limits;

/// Refuses text that has too much of anything.
pub fn scan(text: &str, limits: &Limits) -> Result<(), ServerError> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut tokens = 0;
    let mut directives = 0;
    let mut open = 0_usize;
    let fail = |at, limit, most, what: &str| Err(exceeded(limit, most, what, Some(pos(text, at))));

    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => continue,
            // A byte order mark may stand anywhere; the parser refuses whatever else it is.
            byte if !byte.is_ascii() => continue,
            b'#' => {
                at += length(&bytes[at..], |byte| !matches!(byte, b'\r' | b'\n'));
                continue;
            }
            b'"' => {
                let Some(string) = string(&bytes[start..]) else {
                    return Err(parse_failed("This string does not end.", pos(text, start)));
                };
                at = start + string;
            }
            b'{' | b'[' | b'(' => {
                open += 1;
                if open > limits.brackets {
                    return fail(
                        start,
                        "brackets",
                        limits.brackets,
                        "brackets inside each other",
                    );
                }
            }
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            b'@' => {
                directives += 1;
                if directives > limits.directives {
                    return fail(start, "directives", limits.directives, "directives");
                }
            }
            b'.' => at += length(&bytes[at..], |byte| byte == b'.').min(2),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                at += length(&bytes[at..], is_name);
            }
            byte if byte.is_ascii_digit() || byte == b'-' => {
                at += length(&bytes[at..], |byte| {
                    is_name(byte) || matches!(byte, b'.' | b'+' | b'-')
                });
            }
            _ => {}
        }
        tokens += 1;
        if tokens > limits.tokens {
            return fail(
                start,
                "tokens",
                limits.tokens,
                "names, numbers, strings and signs",
            );
        }
        if byte != b'"' && at - start > limits.name_length {
            let most = limits.name_length;
            return fail(start, "name_length", most, "characters in a name or number");
        }
    }
    Ok(())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

/// How long the string is with which the bytes begin, quotes and all.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at;
    if bytes.starts_with(br#"""""#) {
        at = 3;
        loop {
            let rest = bytes.get(at..)?;
            if rest.starts_with(br#"""""#) {
                return Some(at + 3);
            }
            at += if rest.starts_with(br#"\""""#) { 4 } else { 1 };
        }
    }
    at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\r' | b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn pos(text: &str, at: usize) -> Pos {
    let before = &text.as_bytes()[..at];
    let line = before.iter().rposition(|byte| *byte == b'\n');
    let column = text[line.map_or(0, |line| line + 1)..].char_indices();
    let start = line.map_or(0, |line| line + 1);
    Pos {
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        column: 1 + column.take_while(|(index, _)| start + index < at).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, limits: &Limits) -> Option<String> {
        scan(text, limits).err().map(|error| error.message)
    }

    #[test]
    fn tokens_are_counted_as_graphql_lexes_them() {
        let limits = Limits {
            tokens: 7,
            ..Limits::DEFAULT
        };
        for seven in [
            "{ a b c d e }",
            "{ a(b: 1) }",
            "{ a @b ...c }#x x x x x x x",
            "{ a , , , , , b #,,\n c # { { {\r d e }",
            r#"{ a(b: "{ \" # x y z") }"#,
            r#"{ a(b: """x " \""" { # """) }"#,
            "{ a(b: -1.5e+7) }",
            "\u{feff}{ a b c d e }",
        ] {
            let tokens = |most| {
                scan(
                    seven,
                    &Limits {
                        tokens: most,
                        ..limits
                    },
                )
            };
            let exact = if seven.contains('(') { 8 } else { 7 };
            assert!(tokens(exact).is_ok(), "{seven}");
            assert!(tokens(exact - 2).is_err(), "{seven}");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count_and_others_do() {
        let limits = Limits {
            brackets: 2,
            ..Limits::DEFAULT
        };
        assert_eq!(refused(r#"{ a(b: "[[[") } # [[["#, &limits), None);
        assert_eq!(refused(r#"{ a(b: """[[[ """) }"#, &limits), None);
        assert!(refused(r#"{ a(b: """ \""" """, c: [1]) }"#, &limits).is_some());
        assert!(refused("{ a(b: [1]) }", &limits).is_some());
        assert!(refused("{ a(b: \"\\\"\", c: [1]) }", &limits).is_some());
    }

    #[test]
    fn a_string_that_does_not_end_is_refused_before_the_parser_reads_it_otherwise() {
        for text in [
            "{ a(b: \"\"\" \" [[[[ ) }",
            "{ a(b: \"x\n\") }",
            "{ a(b: \"x\\",
            "\"",
            "\"\"\"\\\"\"\"",
        ] {
            assert_eq!(
                refused(text, &Limits::DEFAULT).as_deref(),
                Some("This string does not end."),
                "{text}"
            );
        }
    }

    #[test]
    fn the_position_is_where_it_is_too_much() {
        let limits = Limits {
            directives: 1,
            ..Limits::DEFAULT
        };
        let error = scan("{ a @b\n é @c }", &limits).unwrap_err();
        assert_eq!(error.locations, [Pos { line: 2, column: 4 }]);
    }
}
