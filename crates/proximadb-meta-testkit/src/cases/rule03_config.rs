//! Rule 3: config and extra are canonical JSON and come back as the same text.

use proximadb_meta_core::{ConfigJson, Extra, Operation, PutIf};

use crate::case::{edited, rec_with};

cases! { 3 rule03;
    fn config_comes_back_canonical(s) {
        let config = ConfigJson::parse(r#"{ "z": 1.50, "a": {"y": -0, "b": [1, 2.0, null, true]} }"#)?;
        s.db.create_collection(rec_with("a", |r| r.config = config.clone())).await?;
        same!(s.must("a").await?.config.as_str(), config.as_str());
        same!(config.as_str(), r#"{"a":{"b":[1,2,null,true],"y":0},"z":1.5}"#);
    }
    fn large_integers_in_config_are_exact(s) {
        let config = ConfigJson::parse(r#"{"max":9007199254740991,"min":-9007199254740991,"odd":9007199254740989}"#)?;
        s.db.create_collection(rec_with("a", |r| r.config = config.clone())).await?;
        same!(s.must("a").await?.config, config);
    }
    fn doubles_in_config_are_exact(s) {
        let config = ConfigJson::parse(r#"{"a":0.1,"b":1e300,"c":5e-324,"d":-2.5,"e":3.141592653589793}"#)?;
        s.db.create_collection(rec_with("a", |r| r.config = config.clone())).await?;
        same!(s.must("a").await?.config, config);
    }
    fn hostile_config_keys_and_texts_are_kept(s) {
        let config = ConfigJson::parse(r#"{"":"x","$set":{"a.b":"'\"\\"},"__proto__":"\u0001\n","é":"\ud83d\ude00"}"#)?;
        s.db.create_collection(rec_with("a", |r| r.config = config.clone())).await?;
        same!(s.must("a").await?.config, config);
    }
    fn large_config_is_kept(s) {
        let config = ConfigJson::parse(&format!(r#"{{"k":"{}"}}"#, "x".repeat(60_000)))?;
        s.db.create_collection(rec_with("a", |r| r.config = config.clone())).await?;
        same!(s.must("a").await?.config, config);
    }
    fn extra_survives_create_update_and_put(s) {
        let extra = Extra::parse(r#"{"future":[1,{"x":2}],"zone":"eu"}"#)?;
        let made = s.db.create_collection(rec_with("a", |r| r.extra = extra.clone())).await?;
        same!(made.extra, extra);
        let updated = s.db.update_collection(edited(&made, |r| r.dimension = 9)).await?;
        same!(updated.extra, extra);
        same!(s.must("a").await?.extra, extra);
        s.batch(vec![Operation::Put { record: rec_with("b", |r| r.extra = extra.clone()), when: PutIf::Any }]).await?;
        same!(s.must("b").await?.extra, extra);
        s.count("b", 1, 1).await?;
        same!(s.must("b").await?.extra, extra);
    }
}
