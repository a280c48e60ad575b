//! Reading the text form: recursive descent with a bound on depth, errors with column, expectation and suggestion.

use std::sync::Arc;

use super::ast::{ConfigValue, Filter, Leaf, Op};
use super::build::MAX_DEPTH;
use super::lex::{Token, at, tokens};
use crate::config::quote;
use crate::error::Result;
use crate::record::{Field, FieldKind};
use crate::suggest::did_you_mean;
use crate::time::Timestamp;

/// Longest text of a filter: 64 leaves with the longest values still fit.
const MAX_TEXT_BYTES: usize = 256 * 1024;
const FUNCTIONS: [&str; 2] = ["startsWith", "text"];

impl Filter {
    /// Reads the text form described in the [module](super). An empty text is everything.
    ///
    /// # Errors
    /// `InvalidInput` with the column (characters from 1, also as [`Detail::Column`](crate::Detail)), what was expected, and
    /// the nearest name where one was wrong.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(at(1, format!("the filter has {} bytes; the limit is {MAX_TEXT_BYTES}", text.len())));
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        if parser.peek() == &Token::End {
            return Ok(Self::all());
        }
        let filter = parser.expression(0)?;
        match parser.peek() {
            Token::End => {}
            Token::Close => return Err(parser.error("this \")\" closes nothing")),
            other => return Err(parser.error(format!("expected AND, OR or the end, not {}", other.describe()))),
        }
        filter.validate()?;
        Ok(filter)
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, t)| t)
    }

    fn peek_after(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(_, t)| t)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(c, _)| *c)
    }

    fn error(&self, message: impl std::fmt::Display) -> crate::Error {
        at(self.column(), message)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn word(&self) -> Option<&str> {
        match self.peek() {
            Token::Word(w) => Some(w),
            _ => None,
        }
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        if self.peek() == token {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(format!("expected {}, not {}", token.describe(), self.peek().describe())))
    }

    fn expression(&mut self, depth: usize) -> Result<Filter> {
        let first = self.term(depth)?;
        let Some(word @ ("AND" | "OR")) = self.word() else { return Ok(first) };
        let word = word.to_owned();
        let mut parts = vec![first];
        while self.word() == Some(&word) {
            self.at += 1;
            parts.push(self.term(depth)?);
        }
        if matches!(self.word(), Some("AND" | "OR")) {
            return Err(self
                .error("AND and OR are mixed without parentheses")
                .with_hint("write (a AND b) OR c, or a AND (b OR c)"));
        }
        Ok(if word == "AND" { Filter::And(parts) } else { Filter::Or(parts) })
    }

    fn term(&mut self, depth: usize) -> Result<Filter> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        match self.peek().clone() {
            Token::Open => {
                self.at += 1;
                let inner = self.expression(depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::Word(w) if w == "NOT" => {
                self.at += 1;
                Ok(Filter::Not(Box::new(self.term(depth + 1)?)))
            }
            Token::Word(w) if matches!(&*w, "AND" | "OR") && self.peek_after() == &Token::Open => {
                self.at += 2;
                let parts = if self.peek() == &Token::Close { Vec::new() } else { vec![self.expression(depth + 1)?] };
                self.expect(&Token::Close)?;
                Ok(if w == "AND" { Filter::And(parts) } else { Filter::Or(parts) })
            }
            Token::Word(w) if self.peek_after() == &Token::Open => self.function(&w),
            Token::Word(w) if w == "config" => self.config(),
            Token::Word(w) => self.comparison(&w),
            other => Err(self.error(format!("expected a field, a function, NOT or \"(\", not {}", other.describe()))),
        }
    }

    fn function(&mut self, name: &str) -> Result<Filter> {
        if !FUNCTIONS.contains(&name) {
            return Err(self
                .error(format!("{} is not a function", quote(name)))
                .with_hint(did_you_mean(name, FUNCTIONS)));
        }
        self.at += 2;
        let leaf = if name == "text" {
            let column = self.column();
            let leaf = Leaf::Words(self.text("a text")?.into());
            leaf.check().map_err(|e| at(column, e.message()))?;
            leaf
        } else {
            let column = self.column();
            let field = match self.next() {
                Token::Word(w) => field(&w, column)?,
                other => return Err(at(column, format!("expected a field, not {}", other.describe()))),
            };
            if field.kind() != FieldKind::Text {
                return Err(at(column, format!("{field} is not a text field")));
            }
            self.expect(&Token::Comma)?;
            Leaf::StartsWith { field, prefix: self.text("a text")?.into() }
        };
        self.expect(&Token::Close)?;
        Ok(Filter::Leaf(leaf))
    }

    fn config(&mut self) -> Result<Filter> {
        self.at += 1;
        let mut path: Vec<Arc<str>> = Vec::new();
        while self.peek() == &Token::Dot {
            self.at += 1;
            let column = self.column();
            match self.next() {
                Token::Word(key) | Token::Quoted(key) => path.push(key.into()),
                other => return Err(at(column, format!("expected a key of config, not {}", other.describe()))),
            }
        }
        if self.peek() == &Token::Colon {
            self.at += 1;
            self.expect(&Token::Star)?;
            return Ok(Filter::Leaf(if path.is_empty() {
                Leaf::Present(Field::Config)
            } else {
                Leaf::ConfigPresent(path.into())
            }));
        }
        if path.is_empty() {
            return Err(self.error("config is compared by a key").with_hint("config.index.m >= 16, or config:*"));
        }
        let op = self.operator("config")?;
        let column = self.column();
        let quoted = matches!(self.peek(), Token::Quoted(_));
        let text = self.text("a number, a quoted text, true or false")?;
        let value = match &*text {
            _ if quoted => ConfigValue::Text(text.into()),
            "true" => ConfigValue::Bool(true),
            "false" => ConfigValue::Bool(false),
            number => match number.parse::<f64>() {
                Ok(x) if x.is_finite() => ConfigValue::Number(x),
                _ => {
                    return Err(at(
                        column,
                        format!("expected a number, a quoted text, true or false, not {}", quote(number)),
                    )
                    .with_hint("put texts in double quotes"));
                }
            },
        };
        Ok(Filter::Leaf(Leaf::Config { path: path.into(), op, value }))
    }

    fn comparison(&mut self, name: &str) -> Result<Filter> {
        let field = field(name, self.column())?;
        self.at += 1;
        if self.peek() == &Token::Colon {
            self.at += 1;
            if self.peek() == &Token::Star {
                self.at += 1;
                return Ok(Filter::Leaf(Leaf::Present(field)));
            }
            if field != Field::Tags {
                return Err(self.error(format!("{field} is no set")).with_hint(format!("{field}:* or {field} = ...")));
            }
            return Ok(Filter::Leaf(Leaf::HasTag(self.text("a tag or *")?.into())));
        }
        let op_column = self.column();
        let op = self.operator(name)?;
        let column = self.column();
        Ok(Filter::Leaf(match field.kind() {
            FieldKind::Text => Leaf::Text { field, op, value: self.text("a text")?.into() },
            FieldKind::Number => {
                let text = self.text("a whole number")?;
                let value =
                    text.parse().map_err(|_| at(column, format!("expected a whole number, not {}", quote(&text))))?;
                Leaf::Number { field, op, value }
            }
            FieldKind::Time => {
                let text = self.time_text()?;
                let value = Timestamp::parse(&text).map_err(|e| {
                    at(column, e.message()).with_hint(e.hint().unwrap_or("write it as 2026-11-24T08:00:00Z").to_owned())
                })?;
                Leaf::Time { field, op, value }
            }
            FieldKind::Set => return Err(at(op_column, "tags are a set").with_hint("tags:x asks whether x is in it")),
            FieldKind::Json => {
                return Err(at(op_column, format!("{field} is compared as a whole"))
                    .with_hint(format!("{field}:* asks whether it is there")));
            }
        }))
    }

    fn operator(&mut self, name: &str) -> Result<Op> {
        match self.peek() {
            Token::Op(op) => {
                let op = *op;
                self.at += 1;
                Ok(op)
            }
            other => {
                Err(self
                    .error(format!("expected an operator (= != < <= > >= :) after {name}, not {}", other.describe())))
            }
        }
    }

    /// A quoted text, or bare words joined by dots (`1.5`, `text-embedding.v2`).
    fn text(&mut self, expected: &str) -> Result<String> {
        let column = self.column();
        match self.next() {
            Token::Quoted(q) => Ok(q),
            Token::Word(w) => {
                let mut text = w;
                while self.peek() == &Token::Dot
                    && let Token::Word(more) = self.peek_after()
                {
                    text.push('.');
                    text.push_str(more);
                    self.at += 2;
                }
                Ok(text)
            }
            other => Err(at(column, format!("expected {expected}, not {}", other.describe()))),
        }
    }

    /// A time, bare ones with their colons.
    fn time_text(&mut self) -> Result<String> {
        let mut text = self.text("a time")?;
        while self.peek() == &Token::Colon && matches!(self.peek_after(), Token::Word(_)) {
            self.at += 1;
            text.push(':');
            text.push_str(&self.text("a time")?);
        }
        Ok(text)
    }
}

fn field(name: &str, column: usize) -> Result<Field> {
    Field::parse(name).map_err(|e| {
        let known = FUNCTIONS.into_iter().chain(Field::ALL.iter().map(|f| f.name()));
        at(column, e.message()).with_hint(did_you_mean(name, known))
    })
}
