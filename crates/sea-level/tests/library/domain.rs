//! A library: authors borrow books, and a loan links the two.

use async_graphql::{
    Context, Description, EmptySubscription, Enum, ID, InputObject, Object, registry::Registry,
};
use sea_level::{
    Date, Domain, EdgeRow, FilterContext, LinkFields, ListFilter, NoFields, Node, ObjectOutput,
    PublicId, Record, Result, SortExpr, Source, StringFilter, Text, Transaction,
    auth::Viewer,
    column, filter, find_object, object, order, referenced,
    write::{self, Abort, EventLog, Mutation, WritableNode, WriteKind},
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr,
    sea_query::{Condition, ExprTrait},
};

use crate::entity::{author, book, loan};

/// UUID of a library card, in a text column.
#[derive(Clone, Debug, Default, PartialEq, Eq, sea_orm::DeriveValueType, serde::Deserialize)]
pub struct Card(String);

impl sea_level::sql::Value for Card {
    const OID: u32 = String::OID;

    fn read(bytes: &[u8]) -> Option<Self> {
        String::read(bytes).map(Self)
    }
}

/// Where a book is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Enum,
    serde::Deserialize,
    sea_orm::EnumIter,
    sea_orm::DeriveActiveEnum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    #[default]
    Out,
    Returned,
}

impl sea_level::sql::Value for State {
    const OID: u32 = String::OID;

    fn read(bytes: &[u8]) -> Option<Self> {
        sea_orm::ActiveEnum::try_from_value(&String::read(bytes)?).ok()
    }
}

impl sea_level::json::ToJson for State {
    fn write_json(&self, json: &mut Vec<u8>) {
        sea_level::json::write(&async_graphql::InputType::to_value(self), json);
    }
}

/// An author, with the books on loan.
#[derive(Clone, Node)]
#[node(
    entity = author,
    columns(id, name, is_living, card),
    prefix = "author_",
    sorted_by(name),
    filter = AuthorFilter,
    order = AuthorOrder,
    connection = "A page of authors.",
    edge = "One author in a page."
)]
pub struct Author(Record<Author>);

#[object]
impl Author {
    #[column]
    async fn id(&self) -> PublicId {
        PublicId(Author::PREFIX, self.0.id)
    }

    #[column]
    async fn name(&self) -> Text<'_> {
        Text(&self.0.name)
    }

    #[column]
    async fn is_living(&self) -> bool {
        self.0.is_living
    }

    #[column]
    async fn card(&self) -> Text<'_> {
        Text(&self.0.card.0)
    }

    /// Distinct books that the author has borrowed.
    #[connection(
        link = Borrowing,
        filter = "Keep only books that match.",
        through = "Keep only books with a loan that matches.",
        order = "Default: title."
    )]
    fn books(&self) -> Source<Book> {
        Source::linked::<author::Entity>("Author.books")
    }
}

#[filter(of = Author)]
pub struct AuthorFilter {
    name: StringFilter,
    #[condition(is_living)]
    is_living: bool,
    #[many]
    books: ListFilter<BookFilter>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form of a condition")]
fn is_living(is_living: &bool, context: &mut FilterContext) -> Result<Condition> {
    context.count()?;
    Ok(Condition::all().add(column(author::Column::IsLiving).eq(*is_living)))
}

#[order(AuthorOrder, of = Author, description = "Sort key of authors.")]
pub enum AuthorOrderField {
    Name,
    IsLiving,
    #[by(SortExpr::count::<book::Entity>)]
    BookCount,
}

/// A book of the library.
#[derive(Clone, Node)]
#[node(
    entity = book,
    columns(id, title, price),
    prefix = "book_",
    sorted_by(title),
    filter = BookFilter,
    order = BookOrder,
    connection = "A page of books.",
    edge = "One book in a page."
)]
pub struct Book(Record<Book>);

#[object]
impl Book {
    #[column]
    async fn title(&self) -> Text<'_> {
        Text(&self.0.title)
    }

    /// Null for books that are not for sale.
    #[column]
    async fn price(&self) -> Option<f64> {
        self.0.price
    }

    /// Every loan of the book.
    #[connection(filter = "Keep only loans that match.", order = "Default: lentOn.")]
    fn loans(&self) -> Source<Loan> {
        Source::linked::<book::Entity>("Book.loans")
    }
}

#[filter(of = Book)]
pub struct BookFilter {
    title: StringFilter,
}

#[order(BookOrder, of = Book, description = "Sort key of books.", nulls = "Place of nulls.")]
pub enum BookOrderField {
    Title,
    Price,
}

/// A loan: the link between an author and a book.
#[derive(Clone, Node)]
#[node(
    entity = loan,
    columns(id, author_id, book_id, lent_on, state, version),
    references(lent_to: Author = author_id),
    prefix = "loan_",
    sorted_by(lent_on),
    filter = LoanFilter,
    order = LoanOrder,
    connection = "A page of loans.",
    edge = "One loan in a page."
)]
pub struct Loan(Record<Loan>);

#[object]
impl Loan {
    #[column]
    async fn lent_on(&self) -> Date {
        Date(self.0.lent_on)
    }

    #[column]
    async fn state(&self) -> State {
        self.0.state
    }

    async fn lent_to(&self, ctx: &Context<'_>) -> Result<ObjectOutput<Author>> {
        referenced(ctx, &self.0, |rows| &rows.lent_to, self.0.author_id).await
    }
}

#[filter(of = Loan)]
pub struct LoanFilter {
    lent_on: sea_level::DateFilter,
    #[condition(has_state)]
    state: State,
    #[one(author_id)]
    author: Box<AuthorFilter>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form of a condition")]
fn has_state(state: &State, context: &mut FilterContext) -> Result<Condition> {
    context.count()?;
    Ok(Condition::all().add(column(loan::Column::State).eq(*state)))
}

#[order(LoanOrder, of = Loan, description = "Sort key of loans.")]
pub enum LoanOrderField {
    LentOn,
    State,
}

/// Link from an author to a book.
pub struct Borrowing;

impl LinkFields<Book> for Borrowing {
    type Through = LoanFilter;
    type ConnectionFields = NoFields;
    type EdgeFields = BorrowingFields;

    fn name() -> std::borrow::Cow<'static, str> {
        "AuthorBook".into()
    }
}

/// Fields of the edge from an author to a book.
pub struct BorrowingFields(EdgeRow<Book, LoanFilter>);

impl From<EdgeRow<Book, LoanFilter>> for BorrowingFields {
    fn from(row: EdgeRow<Book, LoanFilter>) -> Self {
        Self(row)
    }
}

#[Object]
impl BorrowingFields {
    /// The key of the author, which the edge knows.
    async fn author_id(&self) -> PublicId {
        PublicId(Author::PREFIX, self.0.page.parent)
    }
}

/// Everything that can be read.
#[derive(Default, Description)]
pub struct Query;

#[object(root)]
impl Query {
    #[connection(filter = "Keep only authors that match.", order = "Default: id.")]
    fn authors(&self) -> Source<Author> {
        Source::all("Query.authors")
    }

    #[connection(filter = "Keep only books that match.", order = "Default: id.")]
    fn books(&self) -> Source<Book> {
        Source::all("Query.books")
    }
}

/// Log of loans: one row of text for each.
#[derive(Clone)]
pub struct Log;

impl EventLog for Log {
    type Event = String;

    async fn append(
        events: &[String],
        viewer: &Viewer,
        transaction: &Transaction,
    ) -> Result<(), DbErr> {
        let actor = viewer.subject.as_deref().unwrap_or_default();
        for event in events {
            let insert = format!("INSERT INTO events (event) VALUES ('{event} by {actor}')");
            transaction.execute_unprepared(&insert).await?;
        }
        Ok(())
    }

    fn wake(&self) {}
}

impl WritableNode<Log> for Loan {
    fn version(loan: &mut loan::Model) -> &mut i32 {
        &mut loan.version
    }

    fn event(kind: WriteKind, loan: &loan::Model) -> String {
        format!("{kind:?} loan_{}", loan.id)
    }
}

/// A loan to begin.
#[derive(InputObject)]
pub struct Lend {
    author: ID,
    book: i64,
    lent_on: Date,
}

impl Mutation for Lend {
    type Log = Log;
    type Done = i64;
    type Refusal = String;

    async fn run(&self, write: &mut write::Write<Log>) -> Result<i64, Abort<String>> {
        let missing = || Abort::Refused("There is no such author.".to_owned());
        let key = sea_level::scalar::key_of(Author::PREFIX, &self.author).ok_or_else(missing)?;
        let author = write.lock::<Author>(&[key]).await?;
        let row = loan::ActiveModel {
            author_id: Set(author.first().ok_or_else(missing)?.id),
            book_id: Set(self.book),
            lent_on: Set(self.lent_on.0),
            state: Set(State::Out),
            version: Set(1),
            ..Default::default()
        };
        Ok(write.insert::<Loan>(row).await?.id)
    }
}

/// Outcome of a loan.
pub struct LendPayload(Result<i64, String>);

#[Object]
impl LendPayload {
    async fn loan(&self, ctx: &Context<'_>) -> Option<Result<ObjectOutput<Loan>>> {
        find_object::<Loan>(ctx, self.0.as_ref().ok().copied()).await
    }

    async fn refusal(&self) -> Option<&String> {
        self.0.as_ref().err()
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object]
impl Mutations {
    async fn lend(&self, ctx: &Context<'_>, input: Lend) -> Result<LendPayload> {
        write::mutate(ctx, input).await.map(LendPayload)
    }
}

/// The library.
pub struct Library;

impl Domain for Library {
    type Query = Query;
    type Mutation = Mutations;
    type Subscription = EmptySubscription;
    type Log = Log;

    const DESCRIPTION: &'static str = "A library.";

    fn register(_: &mut Registry) {}
}
