//! Tokens of the text (specification, section 2.1). No backtracking and no recursion.

use std::borrow::Cow;

use crate::{ast::Position, error::Diagnostic};

mod string;

/// A token that the parser sees; comments and commas are skipped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(u8),
    Spread,
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    String(Cow<'a, str>),
    BlockString(Cow<'a, str>),
    EndOfFile,
}

pub(crate) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Bytes read so far.
    offset: usize,
    line: u32,
    /// Offset at which column 0 would be, corrected for characters of several bytes.
    line_start: i64,
    /// Bytes allowed in one name or number.
    name_length: usize,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, name_length: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            offset: 0,
            line: 1,
            line_start: -1,
            name_length,
        }
    }

    fn position(&self) -> Position {
        let column = self.offset as i64 - self.line_start;
        Position {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    fn fail<T>(&self, message: impl std::fmt::Display) -> Result<T, Diagnostic> {
        Err(Diagnostic::syntax(message, self.position()))
    }

    /// The next byte, or 0 at the end.
    fn peek(&self) -> u8 {
        self.bytes.get(self.offset).copied().unwrap_or(0)
    }

    /// Moves past one byte that ends no line. A column is one UTF-16 unit: continuation bytes add
    /// none, and a character of four bytes has two units.
    fn step(&mut self) {
        match self.bytes[self.offset] {
            0x80..=0xBF => self.line_start += 1,
            0xF0.. => self.line_start -= 1,
            _ => {}
        }
        self.offset += 1;
    }

    fn end_line(&mut self) {
        let is_pair = self.bytes[self.offset..].starts_with(b"\r\n");
        self.offset += if is_pair { 2 } else { 1 };
        self.line += 1;
        self.line_start = self.offset as i64 - 1;
    }

    /// The next token and the place of its first character.
    pub(crate) fn next_token(&mut self) -> Result<(Token<'a>, Position), Diagnostic> {
        self.skip_ignored();
        let at = self.position();
        let start = self.offset;
        let Some(&byte) = self.bytes.get(start) else {
            return Ok((Token::EndOfFile, at));
        };
        let token = match byte {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}' => {
                self.offset += 1;
                Token::Punctuator(byte)
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let rest = self.bytes[start..].iter();
                self.offset += rest.take_while(|byte| is_name_byte(**byte)).count();
                Token::Name(self.bounded(start, at)?)
            }
            b'.' if self.bytes[start..].starts_with(b"...") => {
                self.offset += 3;
                Token::Spread
            }
            b'"' if self.bytes[start..].starts_with(b"\"\"\"") => {
                Token::BlockString(self.block_string()?)
            }
            b'"' => Token::String(self.string()?),
            b'-' | b'0'..=b'9' => self.number(at)?,
            _ => return self.unexpected_character(),
        };
        Ok((token, at))
    }

    /// Skips white space, line ends, commas, comments and byte order marks: section 2.1.
    fn skip_ignored(&mut self) {
        while let Some(&byte) = self.bytes.get(self.offset) {
            match byte {
                b' ' | b'\t' | b',' => self.offset += 1,
                b'\n' | b'\r' => self.end_line(),
                b'#' => {
                    while self.offset < self.bytes.len() && !matches!(self.peek(), b'\n' | b'\r') {
                        self.step();
                    }
                }
                0xEF if self.bytes[self.offset..].starts_with("\u{FEFF}".as_bytes()) => {
                    (0..3).for_each(|_| self.step());
                }
                _ => break,
            }
        }
    }

    /// The text of a name or number that begins at `start`.
    fn bounded(&self, start: usize, at: Position) -> Result<&'a str, Diagnostic> {
        if self.offset - start > self.name_length {
            let unit = "characters in one name or number";
            return Err(Diagnostic::exceeded(
                "name_length",
                self.name_length,
                unit,
                at,
            ));
        }
        Ok(&self.text[start..self.offset])
    }

    fn unexpected_character<T>(&mut self) -> Result<T, Diagnostic> {
        let rest = &self.bytes[self.offset..];
        match rest {
            [b'.', b'.', ..] => self.fail("Unexpected \"..\", did you mean \"...\"?"),
            [b'.', b'0'..=b'9', ..] => {
                let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit());
                let end = self.offset + 1 + digits.count().min(self.name_length);
                let digits = &self.text[self.offset + 1..end];
                self.fail(format!(
                    "Invalid number, expected digit before \".\", did you mean \"0.{digits}\"?"
                ))
            }
            [b'\'', ..] => self.fail(
                "Unexpected single quote character ('), did you mean to use a double quote (\")?",
            ),
            _ => self.fail(format!("Unexpected character: {}.", self.describe_next())),
        }
    }

    /// The next character as messages show it.
    fn describe_next(&self) -> String {
        match self.text[self.offset..].chars().next() {
            None => "<EOF>".to_owned(),
            Some('"') => "'\"'".to_owned(),
            Some(character @ ' '..='~') => format!("\"{character}\""),
            Some(character) => format!("U+{:04X}", u32::from(character)),
        }
    }

    /// `IntValue` and `FloatValue`: sections 2.9.1 and 2.9.2.
    fn number(&mut self, at: Position) -> Result<Token<'a>, Diagnostic> {
        let start = self.offset;
        self.offset += usize::from(self.peek() == b'-');
        if self.peek() == b'0' {
            self.offset += 1;
            if self.peek().is_ascii_digit() {
                return self.fail(format!(
                    "Invalid number, unexpected digit after 0: {}.",
                    self.describe_next()
                ));
            }
        } else {
            self.digits()?;
        }
        let end_of_integer = self.offset;
        if self.peek() == b'.' {
            self.offset += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.offset += 1;
            self.offset += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
        }
        if self.peek() == b'.' || is_name_byte(self.peek()) {
            return self.expected_digit();
        }
        let is_integer = self.offset == end_of_integer;
        let text = self.bounded(start, at)?;
        Ok(if is_integer {
            Token::Int(text)
        } else {
            Token::Float(text)
        })
    }

    fn digits(&mut self) -> Result<(), Diagnostic> {
        if !self.peek().is_ascii_digit() {
            return self.expected_digit();
        }
        while self.peek().is_ascii_digit() {
            self.offset += 1;
        }
        Ok(())
    }

    fn expected_digit<T>(&self) -> Result<T, Diagnostic> {
        self.fail(format!(
            "Invalid number, expected digit but got: {}.",
            self.describe_next()
        ))
    }
}
