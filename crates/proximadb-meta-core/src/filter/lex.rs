//! The words of the text form, each with its column.

use super::ast::Op;
use crate::config::quote;
use crate::error::{Detail, Error, Result};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A bare word: a name, a number, a time, a keyword.
    Word(String),
    /// A quoted text, unescaped.
    Quoted(String),
    Op(Op),
    Colon,
    Star,
    Open,
    Close,
    Comma,
    Dot,
    End,
}

impl Token {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(w) => quote(w),
            Self::Quoted(q) => format!("the text {}", quote(q)),
            Self::Op(op) => format!("\"{op}\""),
            Self::Colon => "\":\"".to_owned(),
            Self::Star => "\"*\"".to_owned(),
            Self::Open => "\"(\"".to_owned(),
            Self::Close => "\")\"".to_owned(),
            Self::Comma => "\",\"".to_owned(),
            Self::Dot => "\".\"".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A character of a bare word. A dot ends a word after `config` and its keys; numbers and times keep theirs (see the parser).
fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')
}

pub(super) fn is_bare_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word_char)
}

/// An error at a column, counted in characters from 1.
pub(super) fn at(column: usize, message: impl std::fmt::Display) -> Error {
    Error::invalid(format!("filter, column {column}: {message}")).with_detail(Detail::Column(column))
}

/// Splits a filter's text. The last token is always [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        let column = i + 1;
        let next = chars.get(i + 1).copied();
        let (token, length) = match (c, next) {
            (c, _) if c.is_whitespace() => {
                i += 1;
                continue;
            }
            ('!', Some('=')) => (Token::Op(Op::Ne), 2),
            ('<', Some('=')) => (Token::Op(Op::Le), 2),
            ('>', Some('=')) => (Token::Op(Op::Ge), 2),
            ('=', Some('=')) => return Err(at(column, "\"==\" is not an operator").with_hint("write =")),
            ('=', _) => (Token::Op(Op::Eq), 1),
            ('<', _) => (Token::Op(Op::Lt), 1),
            ('>', _) => (Token::Op(Op::Gt), 1),
            (':', _) => (Token::Colon, 1),
            ('*', _) => (Token::Star, 1),
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            (',', _) => (Token::Comma, 1),
            ('.', _) => (Token::Dot, 1),
            ('"', _) => quoted(&chars, i)?,
            (c, _) if is_word_char(c) => {
                let word: String = chars.iter().skip(i).copied().take_while(|c| is_word_char(*c)).collect();
                let length = word.len();
                (Token::Word(word), length)
            }
            (c, _) => {
                return Err(at(column, format!("unexpected {c:?}")).with_hint("put texts in double quotes"));
            }
        };
        out.push((column, token));
        i += length;
    }
    out.push((chars.len() + 1, Token::End));
    Ok(out)
}

fn quoted(chars: &[char], start: usize) -> Result<(Token, usize)> {
    let mut text = String::new();
    let mut i = start + 1;
    loop {
        match chars.get(i) {
            None => return Err(at(start + 1, "this quoted text has no end").with_hint("close it with \"")),
            Some('"') => return Ok((Token::Quoted(text), i + 1 - start)),
            Some('\\') => {
                text.push(match chars.get(i + 1) {
                    Some('"') => '"',
                    Some('\\') => '\\',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    _ => return Err(at(i + 1, "unknown escape").with_hint(r#"\" \\ \n \r \t"#)),
                });
                i += 2;
            }
            Some(&c) => {
                text.push(c);
                i += 1;
            }
        }
    }
}
