//! Rows and relations.

/// A person on staff.
pub mod employee {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "employees")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub hire_date: Date,
        #[sea_orm(has_many, via = "employee_meeting")]
        pub meetings: HasMany<super::meeting::Entity>,
        #[sea_orm(has_many)]
        pub assignments: HasMany<super::assignment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// An appointment that employees attend.
pub mod meeting {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "meetings")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub topic: String,
        pub scheduled_time: DateTimeUtc,
        pub location: Option<String>,
        #[sea_orm(has_many, via = "employee_meeting")]
        pub employees: HasMany<super::employee::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The plain join table: the pair is the primary key, and the table has no other column.
pub mod employee_meeting {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "employee_meetings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub employee_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub meeting_id: i64,
        #[sea_orm(belongs_to, from = "employee_id", to = "id")]
        pub employee: BelongsTo<super::employee::Entity>,
        #[sea_orm(belongs_to, from = "meeting_id", to = "id")]
        pub meeting: BelongsTo<super::meeting::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A piece of work that employees are assigned to.
pub mod project {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "projects")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub budget: Option<i64>,
        #[sea_orm(has_many)]
        pub assignments: HasMany<super::assignment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The association entity: one employee on one project, in one role, for one time.
pub mod assignment {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "assignments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub role: Option<String>,
        pub start_date: Option<DateTimeUtc>,
        pub end_date: Option<DateTimeUtc>,
        pub employee_id: i64,
        pub project_id: i64,
        #[sea_orm(belongs_to, from = "employee_id", to = "id")]
        pub employee: BelongsTo<super::employee::Entity>,
        #[sea_orm(belongs_to, from = "project_id", to = "id")]
        pub project: BelongsTo<super::project::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
