//! Values of strings and block strings (specification, section 2.9.4).

use std::borrow::Cow;

use super::Lexer;
use crate::error::Diagnostic;

impl<'a> Lexer<'a> {
    /// The value of a string; the next byte is its opening quote. Borrowed if it has no escape.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Diagnostic> {
        self.offset += 1;
        let mut start = self.offset;
        let mut unescaped: Option<String> = None;
        loop {
            match self.bytes.get(self.offset) {
                None | Some(b'\n' | b'\r') => return self.fail("Unterminated string."),
                Some(b'"') => break,
                Some(b'\\') => {
                    let chunk = &self.text[start..self.offset];
                    let character = self.escape()?;
                    let value = unescaped.get_or_insert_default();
                    value.push_str(chunk);
                    value.push(character);
                    start = self.offset;
                }
                Some(_) => self.step(),
            }
        }
        let chunk = &self.text[start..self.offset];
        self.offset += 1;
        Ok(match unescaped {
            None => Cow::Borrowed(chunk),
            Some(value) => Cow::Owned(value + chunk),
        })
    }

    /// The character that an escape sequence stands for; the next byte is its backslash.
    fn escape(&mut self) -> Result<char, Diagnostic> {
        let rest = &self.bytes[self.offset + 1..];
        let character = match rest.first() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(&rest[1..]),
            _ => return self.invalid_escape("character", 2),
        };
        self.offset += 2;
        Ok(character)
    }

    /// `\u{…}` of any number of digits, `\uXXXX`, or a surrogate pair of two `\uXXXX`.
    /// `rest` begins after the `u`.
    fn unicode_escape(&mut self, rest: &[u8]) -> Result<char, Diagnostic> {
        if rest.first() == Some(&b'{') {
            let digits = rest[1..].iter();
            let digits = digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
            let code = hexadecimal(&rest[1..=digits]);
            return match (rest.get(digits + 1), code.and_then(char::from_u32)) {
                (Some(b'}'), Some(character)) if digits > 0 => {
                    self.offset += digits + 4;
                    Ok(character)
                }
                _ => self.invalid_escape("Unicode", (digits + 4).min(12)),
            };
        }
        let four = |from: usize| hexadecimal(rest.get(from..from + 4)?);
        let (length, character) = match four(0) {
            Some(high @ 0xD800..=0xDBFF) => {
                let is_pair = rest.get(4..6) == Some(b"\\u");
                let low = if is_pair { four(6) } else { None };
                let low = low.filter(|low| (0xDC00..=0xDFFF).contains(low));
                let code = low.map(|low| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                (12, code.and_then(char::from_u32))
            }
            code => (6, code.and_then(char::from_u32)),
        };
        let Some(character) = character else {
            return self.invalid_escape("Unicode", 6);
        };
        self.offset += length;
        Ok(character)
    }

    /// Shows the next `length` characters as those of the escape.
    fn invalid_escape<T>(&self, kind: &str, length: usize) -> Result<T, Diagnostic> {
        let shown: String = self.text[self.offset..].chars().take(length).collect();
        self.fail(format!("Invalid {kind} escape sequence: \"{shown}\"."))
    }

    /// The value of a block string; the next bytes are its opening quotes.
    pub(super) fn block_string(&mut self) -> Result<Cow<'a, str>, Diagnostic> {
        self.offset += 3;
        let mut lines: Vec<Cow<'a, str>> = Vec::new();
        let mut line: Cow<'a, str> = Cow::Borrowed("");
        let mut start = self.offset;
        loop {
            let (text, offset) = (self.text, self.offset);
            let rest = &self.bytes[offset..];
            match rest.first() {
                None => return self.fail("Unterminated string."),
                Some(b'"') if rest.starts_with(b"\"\"\"") => {
                    line += &text[start..offset];
                    lines.push(line);
                    self.offset += 3;
                    return Ok(without_indentation(lines));
                }
                Some(b'\\') if rest.starts_with(b"\\\"\"\"") => {
                    line += &text[start..offset];
                    line += "\"\"\"";
                    self.offset += 4;
                    start = self.offset;
                }
                Some(b'\n' | b'\r') => {
                    line += &text[start..offset];
                    lines.push(std::mem::take(&mut line));
                    self.end_line();
                    start = self.offset;
                }
                Some(_) => self.step(),
            }
        }
    }
}

/// The value of hexadecimal digits; none if a byte is no digit, or if no character has the value.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(code * 16 + digit).filter(|code| *code <= 0x0010_FFFF)
    })
}

/// `BlockStringValue`: removes the indentation common to all lines but the first, and blank lines
/// at both ends.
fn without_indentation(mut lines: Vec<Cow<'_, str>>) -> Cow<'_, str> {
    fn indentation(line: &str) -> usize {
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }
    let is_blank = |line: &str| indentation(line) == line.len();
    let indented = lines.iter().skip(1).filter(|line| !is_blank(line));
    let common = indented.map(|line| indentation(line)).min().unwrap_or(0);
    let first = lines.iter().position(|line| !is_blank(line));
    let last = lines.iter().rposition(|line| !is_blank(line));
    let (Some(first), Some(last)) = (first, last) else {
        return Cow::Borrowed("");
    };
    if last == 0 {
        return lines.swap_remove(0);
    }
    let mut value = String::new();
    for (number, line) in lines.iter().enumerate().take(last + 1).skip(first) {
        if number > first {
            value.push('\n');
        }
        let cut = if number == 0 {
            0
        } else {
            common.min(line.len())
        };
        value.push_str(&line[cut..]);
    }
    Cow::Owned(value)
}
