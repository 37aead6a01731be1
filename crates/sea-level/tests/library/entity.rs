//! The tables of the library, and SeaORM's relations.

pub mod author {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "authors")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text")]
        pub name: String,
        pub is_living: bool,
        #[sea_orm(column_type = "Text")]
        pub card: crate::domain::Card,
        #[sea_orm(has_many, via = "loan")]
        pub books: HasMany<super::book::Entity>,
        #[sea_orm(has_many)]
        pub loans: HasMany<super::loan::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "books")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text")]
        pub title: String,
        pub price: Option<f64>,
        #[sea_orm(has_many, via = "loan")]
        pub authors: HasMany<super::author::Entity>,
        #[sea_orm(has_many)]
        pub loans: HasMany<super::loan::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod loan {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "loans")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
        pub book_id: i64,
        pub lent_on: Date,
        #[sea_orm(column_type = "Text")]
        pub state: crate::domain::State,
        pub version: i32,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        pub author: BelongsTo<super::author::Entity>,
        #[sea_orm(belongs_to, from = "book_id", to = "id")]
        pub book: BelongsTo<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
