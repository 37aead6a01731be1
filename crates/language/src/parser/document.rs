//! The grammar of executable documents (specification, sections 2.2 to 2.8 and 2.10).

use super::{Parsed, Parser};
use crate::{
    ast::{
        Document, Field, FragmentDefinition, FragmentSpread, InlineFragment, Name,
        OperationDefinition, OperationKind, Position, Selection, SelectionSet, VariableSyntax,
    },
    error::{Diagnostic, Stage},
    lexer::Token,
};

impl<'a> Parser<'a> {
    pub(super) fn document(&mut self) -> Parsed<Document<'a>> {
        let mut document = Document::default();
        loop {
            let at = self.at;
            let is_described = self.description()?.is_some();
            if is_described && self.is(b'{') {
                let message =
                    "Unexpected description, descriptions are not supported on shorthand queries.";
                return Err(Diagnostic::syntax(message, at));
            }
            if self.keyword() == Some("fragment") {
                document.fragments.push(self.fragment(at)?);
                let (count, most) = (document.fragments.len(), self.limits.fragments);
                self.check("fragments", count, most, "fragments", at)?;
            } else {
                let operation = self.operation(at, is_described)?;
                document.operations.push(operation);
                let (count, most) = (document.operations.len(), self.limits.operations);
                self.check("operations", count, most, "operations", at)?;
            }
            if self.is_end() {
                return Ok(document);
            }
        }
    }

    fn operation(&mut self, at: Position, is_described: bool) -> Parsed<OperationDefinition<'a>> {
        let kind = match self.keyword() {
            Some("query") => OperationKind::Query,
            Some("mutation") => OperationKind::Mutation,
            Some("subscription") => OperationKind::Subscription,
            None if self.is(b'{') => {
                return Ok(OperationDefinition {
                    at,
                    kind: OperationKind::Query,
                    name: None,
                    variables: Vec::new(),
                    directives: Vec::new(),
                    selection_set: self.selection_set()?,
                });
            }
            Some(keyword) => return self.not_executable(keyword, at, is_described),
            None => return self.unexpected(),
        };
        self.advance()?;
        let name = match self.keyword() {
            Some(_) => Some(self.name()?),
            None => None,
        };
        let variables = self.bracketed(b'(', b')', Self::variable)?;
        let (count, most) = (variables.len(), self.limits.variables);
        self.check("variables", count, most, "variables", at)?;
        Ok(OperationDefinition {
            at,
            kind,
            name,
            variables,
            directives: self.directives(true)?,
            selection_set: self.selection_set()?,
        })
    }

    /// Refuses a definition of a type system by name, as the rule “Executable Definitions” does,
    /// and any other word as a syntax error.
    fn not_executable<T>(&mut self, keyword: &str, at: Position, is_described: bool) -> Parsed<T> {
        let keyword = match keyword {
            "extend" if !is_described => {
                self.advance()?;
                self.keyword().unwrap_or_default()
            }
            other => other,
        };
        let subject = match keyword {
            "schema" => "schema".to_owned(),
            "scalar" | "type" | "interface" | "union" | "enum" | "input" | "directive" => {
                self.advance()?;
                self.skip(b'@')?;
                format!("\"{}\"", self.name()?.text)
            }
            _ if is_described => {
                let message =
                    "Unexpected description, only GraphQL definitions support descriptions.";
                return Err(Diagnostic::syntax(message, at));
            }
            _ => return self.unexpected(),
        };
        let message = format!("The {subject} definition is not executable.");
        Err(Diagnostic::new(Stage::Validate, message, at))
    }

    fn variable(&mut self) -> Parsed<VariableSyntax<'a>> {
        self.description()?;
        let at = self.at;
        self.expect(b'$')?;
        let name = Name { at, ..self.name()? };
        self.expect(b':')?;
        let ty = self.type_reference()?;
        let default = match self.skip(b'=')? {
            true => Some(self.literal(false)?),
            false => None,
        };
        Ok(VariableSyntax {
            name,
            ty,
            default,
            directives: self.directives(false)?,
        })
    }

    fn fragment(&mut self, at: Position) -> Parsed<FragmentDefinition<'a>> {
        self.advance()?;
        if self.keyword() == Some("on") {
            return self.unexpected();
        }
        let name = self.name()?;
        self.expect_keyword("on")?;
        Ok(FragmentDefinition {
            at,
            name,
            on: self.name()?,
            directives: self.directives(true)?,
            selection_set: self.selection_set()?,
        })
    }

    fn selection_set(&mut self) -> Parsed<SelectionSet<'a>> {
        let at = self.at;
        self.expect(b'{')?;
        self.nested(|parser| {
            let mut items = Vec::new();
            while !parser.skip(b'}')? {
                items.push(parser.selection()?);
            }
            Ok(SelectionSet { at, items })
        })
    }

    fn selection(&mut self) -> Parsed<Selection<'a>> {
        let at = self.at;
        if self.token != Token::Spread {
            return Ok(Selection::Field(self.field()?));
        }
        self.advance()?;
        match self.keyword() {
            Some(text) if text != "on" => Ok(Selection::Spread(FragmentSpread {
                at,
                name: self.name()?,
                directives: self.directives(true)?,
            })),
            keyword => {
                let mut on = None;
                if keyword.is_some() {
                    self.advance()?;
                    on = Some(self.name()?);
                }
                Ok(Selection::Inline(InlineFragment {
                    at,
                    on,
                    directives: self.directives(true)?,
                    selection_set: self.selection_set()?,
                }))
            }
        }
    }

    fn field(&mut self) -> Parsed<Field<'a>> {
        let mut name = self.name()?;
        let mut alias = None;
        if self.skip(b':')? {
            alias = Some(name);
            name = self.name()?;
        }
        Ok(Field {
            alias,
            name,
            arguments: self.arguments(true)?,
            directives: self.directives(true)?,
            selection_set: match self.is(b'{') {
                true => Some(self.selection_set()?),
                false => None,
            },
        })
    }
}
