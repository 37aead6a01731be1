//! Parser of executable documents (specification, section 2): recursive descent with one token of
//! lookahead, never deeper than [`DocumentLimits::brackets`].

use std::borrow::Cow;

use crate::{
    ast::{Argument, Directive, Document, Literal, LiteralKind, Name, Position, TypeSyntax},
    error::Diagnostic,
    lexer::{Lexer, Token},
    limits::DocumentLimits,
};

mod document;

/// Parses an executable document.
///
/// # Errors
///
/// The first syntax error, with the message and place of graphql.js 17, or the first limit that
/// the text exceeds.
pub fn parse<'a>(text: &'a str, limits: &DocumentLimits) -> Result<Document<'a>, Diagnostic> {
    Parser::new(text, limits)?.document()
}

pub(crate) type Parsed<T> = Result<T, Diagnostic>;

/// The state that the grammars of documents and of schemas share.
pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Place of `token`.
    pub(crate) at: Position,
    limits: DocumentLimits,
    tokens: usize,
    brackets: usize,
    directives: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str, limits: &DocumentLimits) -> Parsed<Self> {
        let mut parser = Self {
            lexer: Lexer::new(text, limits.name_length),
            token: Token::EndOfFile,
            at: Position::default(),
            limits: *limits,
            tokens: 0,
            brackets: 0,
            directives: 0,
        };
        parser.advance()?;
        Ok(parser)
    }

    /// Reads the next token and returns the one before it.
    pub(crate) fn advance(&mut self) -> Parsed<Token<'a>> {
        let (token, at) = self.lexer.next_token()?;
        self.tokens += usize::from(token != Token::EndOfFile);
        self.check("tokens", self.tokens, self.limits.tokens, "tokens", at)?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn check(
        &self,
        name: &'static str,
        count: usize,
        most: usize,
        unit: &str,
        at: Position,
    ) -> Parsed<()> {
        if count > most {
            return Err(Diagnostic::exceeded(name, most, unit, at));
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let quoted = |kind: &str, value: &str| format!("{kind} \"{value}\"");
        match &self.token {
            Token::Punctuator(byte) => format!("\"{}\"", char::from(*byte)),
            Token::Spread => "\"...\"".to_owned(),
            Token::Name(text) => quoted("Name", text),
            Token::Int(text) => quoted("Int", text),
            Token::Float(text) => quoted("Float", text),
            Token::String(text) => quoted("String", text),
            Token::BlockString(text) => quoted("BlockString", text),
            Token::EndOfFile => "<EOF>".to_owned(),
        }
    }

    pub(crate) fn unexpected<T>(&self) -> Parsed<T> {
        let message = format!("Unexpected {}.", self.describe());
        Err(Diagnostic::syntax(message, self.at))
    }

    fn expected<T>(&self, what: &str) -> Parsed<T> {
        let message = format!("Expected {what}, found {}.", self.describe());
        Err(Diagnostic::syntax(message, self.at))
    }

    pub(crate) fn is(&self, punctuator: u8) -> bool {
        self.token == Token::Punctuator(punctuator)
    }

    pub(crate) fn is_end(&self) -> bool {
        self.token == Token::EndOfFile
    }

    /// The next token, if it is a name.
    pub(crate) fn keyword(&self) -> Option<&'a str> {
        match self.token {
            Token::Name(text) => Some(text),
            _ => None,
        }
    }

    /// Reads the punctuator if it is next.
    pub(crate) fn skip(&mut self, punctuator: u8) -> Parsed<bool> {
        let is_next = self.is(punctuator);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    /// Reads the keyword if it is next.
    pub(crate) fn skip_keyword(&mut self, keyword: &str) -> Parsed<bool> {
        let is_next = self.keyword() == Some(keyword);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    pub(crate) fn expect(&mut self, punctuator: u8) -> Parsed<()> {
        if self.skip(punctuator)? {
            return Ok(());
        }
        self.expected(&format!("\"{}\"", char::from(punctuator)))
    }

    pub(crate) fn expect_keyword(&mut self, keyword: &str) -> Parsed<()> {
        if self.skip_keyword(keyword)? {
            return Ok(());
        }
        self.expected(&format!("\"{keyword}\""))
    }

    pub(crate) fn name(&mut self) -> Parsed<Name<'a>> {
        let Some(text) = self.keyword() else {
            return self.expected("Name");
        };
        let at = self.at;
        self.advance()?;
        Ok(Name { text, at })
    }

    /// Reads a description if one is next.
    pub(crate) fn description(&mut self) -> Parsed<Option<Cow<'a, str>>> {
        if !matches!(self.token, Token::String(_) | Token::BlockString(_)) {
            return Ok(None);
        }
        Ok(match self.advance()? {
            Token::String(text) | Token::BlockString(text) => Some(text),
            _ => None,
        })
    }

    /// Counts one level of nesting while `inner` runs.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.brackets += 1;
        let unit = "brackets inside each other";
        self.check(
            "brackets",
            self.brackets,
            self.limits.brackets,
            unit,
            self.at,
        )?;
        let parsed = inner(self)?;
        self.brackets -= 1;
        Ok(parsed)
    }

    /// Reads nothing, or at least one item between brackets.
    pub(crate) fn bracketed<T>(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        if self.skip(open)? {
            loop {
                items.push(item(self)?);
                if self.skip(close)? {
                    break;
                }
            }
        }
        Ok(items)
    }

    pub(crate) fn type_reference(&mut self) -> Parsed<TypeSyntax<'a>> {
        let ty = if self.skip(b'[')? {
            let inner = self.nested(Self::type_reference)?;
            self.expect(b']')?;
            TypeSyntax::List(Box::new(inner))
        } else {
            TypeSyntax::Named(self.name()?)
        };
        Ok(match self.skip(b'!')? {
            true => TypeSyntax::NonNull(Box::new(ty)),
            false => ty,
        })
    }

    fn arguments(&mut self, has_variables: bool) -> Parsed<Vec<Argument<'a>>> {
        self.bracketed(b'(', b')', |parser| parser.argument(has_variables))
    }

    fn argument(&mut self, has_variables: bool) -> Parsed<Argument<'a>> {
        let name = self.name()?;
        self.expect(b':')?;
        Ok(Argument {
            name,
            value: self.literal(has_variables)?,
        })
    }

    /// Reads directives; `has_variables` is false where only constants are allowed.
    pub(crate) fn directives(&mut self, has_variables: bool) -> Parsed<Vec<Directive<'a>>> {
        let mut directives = Vec::new();
        while self.is(b'@') {
            let at = self.at;
            self.directives += 1;
            let (count, most) = (self.directives, self.limits.directives);
            self.check("directives", count, most, "directives", at)?;
            self.advance()?;
            directives.push(Directive {
                name: Name { at, ..self.name()? },
                arguments: self.arguments(has_variables)?,
            });
        }
        Ok(directives)
    }

    /// Reads a value; `has_variables` is false where only constants are allowed.
    pub(crate) fn literal(&mut self, has_variables: bool) -> Parsed<Literal<'a>> {
        let at = self.at;
        let kind = match self.token {
            Token::Punctuator(b'[') => {
                self.advance()?;
                self.nested(|parser| {
                    let mut items = Vec::new();
                    while !parser.skip(b']')? {
                        items.push(parser.literal(has_variables)?);
                    }
                    Ok(LiteralKind::List(items))
                })?
            }
            Token::Punctuator(b'{') => {
                self.advance()?;
                self.nested(|parser| {
                    let mut fields = Vec::new();
                    while !parser.skip(b'}')? {
                        fields.push(parser.argument(has_variables)?);
                    }
                    Ok(LiteralKind::Object(fields))
                })?
            }
            Token::Punctuator(b'$') => {
                self.advance()?;
                match self.keyword() {
                    Some(name) if !has_variables => {
                        let message = format!("Unexpected variable \"${name}\" in constant value.");
                        return Err(Diagnostic::syntax(message, at));
                    }
                    None if !has_variables => {
                        return Err(Diagnostic::syntax("Unexpected \"$\".", at));
                    }
                    _ => LiteralKind::Variable(self.name()?.text),
                }
            }
            Token::Punctuator(_) | Token::Spread | Token::EndOfFile => return self.unexpected(),
            _ => match self.advance()? {
                Token::Int(text) => LiteralKind::Int(text),
                Token::Float(text) => LiteralKind::Float(text),
                Token::String(text) | Token::BlockString(text) => LiteralKind::String(text),
                Token::Name("true") => LiteralKind::Boolean(true),
                Token::Name("false") => LiteralKind::Boolean(false),
                Token::Name(text) if text != "null" => LiteralKind::Enum(text),
                _ => LiteralKind::Null,
            },
        };
        Ok(Literal { at, kind })
    }
}
