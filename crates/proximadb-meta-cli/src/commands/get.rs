//! get: one record.

use proximadb_meta::core::{Error, ErrorKind};

use super::session::Session;
use crate::args;
use crate::exit::Result;
use crate::output::Printer;

pub(crate) enum Get {
    Id(String),
    Name(String),
}

impl Get {
    pub(crate) fn new(x: args::Get) -> Self {
        match x.name {
            Some(name) => Self::Name(name),
            None => Self::Id(x.id.unwrap_or_default()),
        }
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let record = match self {
            Self::Id(id) => s.catalog.get_collection(&id).await?.ok_or_else(|| Error::not_found(&id))?,
            Self::Name(name) => s
                .catalog
                .get_collection_by_name(&name)
                .await?
                .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no collection has the name {name:?}")))?,
        };
        Printer::one(s.format, &record)?;
        Ok(0)
    }
}
