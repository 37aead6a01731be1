//! Mutations of the domain: validation of inputs, `userErrors`, and locks by public id.
//!
//! On PostgreSQL all mutations take locks in one order, so that they wait for each other and do not
//! deadlock: employees, projects, meetings, assignments, each by ascending id. A writer of an assignment
//! holds its employee, and so do renames, which update its assignments by a trigger. A writer of an
//! attendance holds the meeting.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    ops::{Deref, DerefMut, RangeInclusive},
};

use async_graphql::{Context, ID, MaybeUndefined};
use sea_level::{
    Node, Record, Result,
    node::Model,
    scalar::{Long, key_of},
    text,
    write::{self, Abort, WritableNode},
};
use sea_orm::DbErr;

use crate::{
    node::AnyNode,
    outbox::Outbox,
    user_error::{InvalidInputError, NotFoundError, Place, UserError, VersionConflictError},
};

/// Largest budget, in whole currency units.
const MAX_BUDGET: i64 = 1_000_000_000_000;

/// Input object of a mutation, with the code that carries it out.
pub trait InputMutation: Send + Sync + 'static {
    /// Value that the payload is made of.
    type Done: Send + 'static;

    /// Carries the mutation out, or reports errors and refuses it. May run again from the start, in
    /// another transaction.
    fn run(
        &self,
        write: &mut Write<'_>,
    ) -> impl Future<Output = Result<Self::Done, Abort<()>>> + Send;

    /// See [`writes_one_row`](write::Mutation::writes_one_row).
    fn writes_one_row(&self) -> bool {
        false
    }
}

/// Outcome of a mutation: the value of its payload, or the errors that refused it.
pub type Outcome<T> = Result<T, Vec<UserError>>;

/// Carries out a mutation; see [`write::mutate`].
pub async fn mutate<M: InputMutation>(ctx: &Context<'_>, input: M) -> Result<Outcome<M::Done>> {
    write::mutate(ctx, Run(input)).await
}

struct Run<M>(M);

impl<M: InputMutation> write::Mutation for Run<M> {
    type Log = Outbox;
    type Done = M::Done;
    type Refusal = Vec<UserError>;

    fn writes_one_row(&self) -> bool {
        self.0.writes_one_row()
    }

    async fn run(&self, base: &mut write::Write<Outbox>) -> Result<M::Done, Abort<Vec<UserError>>> {
        let mut write = Write {
            base,
            errors: Vec::new(),
        };
        self.0.run(&mut write).await.map_err(|abort| match abort {
            Abort::Refused(()) => Abort::Refused(write.errors),
            Abort::Failed(error) => Abort::Failed(error),
        })
    }
}

/// Entity that mutations write and that `node` finds.
pub trait Writable: WritableNode<Outbox> + Into<AnyNode> {}

impl<E: WritableNode<Outbox> + Into<AnyNode>> Writable for E {}

/// Transaction of a mutation with the errors of its input. Dereferences to the engine's
/// [`Write`](write::Write).
pub struct Write<'w> {
    base: &'w mut write::Write<Outbox>,
    errors: Vec<UserError>,
}

impl Deref for Write<'_> {
    type Target = write::Write<Outbox>;

    fn deref(&self) -> &Self::Target {
        self.base
    }
}

impl DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.base
    }
}

/// Id of an input that must lead to a row.
pub struct IdInput {
    /// Place in the input.
    pub place: Place,
    /// The id as given.
    pub id: ID,
    /// Primary key; `None` if the id is malformed or of another type.
    pub key: Option<i64>,
}

impl IdInput {
    /// Reads an id of entity `E`.
    pub fn new<E: Node>(place: Place, id: &ID) -> Self {
        Self {
            place,
            key: key_of(E::PREFIX, id),
            id: id.clone(),
        }
    }
}

/// Returns the primary keys of ids that lead to rows.
pub fn keys(ids: &[IdInput]) -> Vec<i64> {
    ids.iter().filter_map(|id| id.key).collect()
}

/// Validation. Each method reports all faults and goes on.
impl Write<'_> {
    /// Reports an error that the client can put right.
    pub fn report(&mut self, error: UserError) {
        self.errors.push(error);
    }

    /// Reports an invalid input.
    pub fn invalid(&mut self, place: Place, message: impl Into<String>) {
        self.report(InvalidInputError::report(place, message));
    }

    /// Refuses the mutation if errors were reported. Writes come after this check.
    pub fn ensure_valid(&self) -> Result<(), Abort<()>> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Abort::Refused(()))
        }
    }

    /// Refuses the mutation if a statement returned more rows than the operation may load.
    pub fn check_rows(&mut self, place: Place, count: usize, what: &str) -> Result<(), Abort<()>> {
        let most = self.rows_left();
        if count > most {
            let message = format!(
                "It has more than {most} {what}, which is more than one operation may load. Remove \
                 some of them first, a few at a time."
            );
            self.invalid(place, message);
            return Err(Abort::Refused(()));
        }
        Ok(())
    }

    /// Does the same for rows that the payload reports, and charges them.
    pub fn charge_reported_rows(
        &mut self,
        place: Place,
        count: usize,
        what: &str,
    ) -> Result<(), Abort<()>> {
        self.check_rows(place, count, what)?;
        self.charge_rows(count);
        Ok(())
    }

    /// Returns the value of a field that may be absent but not null.
    pub fn given<T: Clone>(&mut self, place: Place, value: &MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            let message = "This cannot be null. Leave it out, or give a value.";
            self.invalid(place, message);
        }
        value.as_opt_ref().flatten().cloned()
    }

    /// Validates text of 1 to `most` code points. Returns it trimmed and in NFC; empty if it is invalid.
    pub fn text(&mut self, place: Place, text: &str, most: usize) -> String {
        let text = text::normalized(text);
        let text = text::trimmed(&text);
        if text::is_blank(text) {
            self.invalid(place, "This cannot be empty.");
        } else if text.contains('\0') {
            self.invalid(place, "Text cannot contain the NUL character.");
        } else if text.chars().nth(most).is_some() {
            self.invalid(place, format!("This can have at most {most} characters."));
        } else {
            return text.to_owned();
        }
        String::new()
    }

    /// Validates text that may be absent but not null.
    pub fn given_text(
        &mut self,
        place: Place,
        text: &MaybeUndefined<String>,
        most: usize,
    ) -> Option<String> {
        let text = self.given(place.clone(), text)?;
        Some(self.text(place, &text, most))
    }

    /// Validates optional text.
    pub fn optional_text(
        &mut self,
        place: Place,
        text: Option<&String>,
        most: usize,
    ) -> Option<String> {
        text.map(|text| self.text(place, text, most))
    }

    /// Validates an optional budget.
    pub fn budget(&mut self, place: Place, budget: Option<&Long>) -> Option<i64> {
        let budget = budget.map(|budget| budget.0);
        if budget.is_some_and(|budget| !(0..=MAX_BUDGET).contains(&budget)) {
            self.invalid(place, "A budget must be 0 to 1,000,000,000,000.");
        }
        budget
    }

    /// Validates a list of ids. Returns them in the order given, each once.
    pub fn ids<E: Writable>(
        &mut self,
        place: Place,
        ids: &[ID],
        count: RangeInclusive<usize>,
    ) -> Vec<IdInput> {
        let mut seen = HashSet::new();
        let wanted: Vec<_> = ids
            .iter()
            .enumerate()
            .filter(|(_, id)| seen.insert(id.as_str()))
            .map(|(index, id)| IdInput::new::<E>(place.at(index), id))
            .collect();
        if count.contains(&wanted.len()) {
            return wanted;
        }
        self.wrong_count(place, count);
        // Ids of an invalid list are not looked up.
        Vec::new()
    }

    /// Validates the length of an optional list.
    pub fn list<'a, T>(&mut self, place: Place, list: Option<&'a Vec<T>>, most: usize) -> &'a [T] {
        match list {
            None => &[],
            Some(list) if list.len() <= most => list,
            Some(_) => {
                self.wrong_count(place, 0..=most);
                &[]
            }
        }
    }

    fn wrong_count(&mut self, place: Place, count: RangeInclusive<usize>) {
        let (least, most) = count.into_inner();
        self.invalid(place, format!("Give {least} to {most} of them."));
    }
}

/// Locks by public id.
impl Write<'_> {
    /// Locks the rows behind ids. Reports ids without a row.
    pub async fn lock_all<E: Writable>(
        &mut self,
        wanted: &[IdInput],
    ) -> Result<HashMap<i64, Model<E>>, DbErr> {
        let keys: Vec<i64> = wanted.iter().filter_map(|wanted| wanted.key).collect();
        let rows = self.lock::<E>(&keys).await?;
        let rows: HashMap<_, _> = rows.into_iter().map(|row| (E::key(&row), row)).collect();
        for IdInput { place, id, key } in wanted {
            if key.is_none_or(|key| !rows.contains_key(&key)) {
                self.missing::<E>(place.clone(), id);
            }
        }
        Ok(rows)
    }

    /// Locks the row behind an id. Reports an id without a row.
    pub async fn lock_one<E: Writable>(
        &mut self,
        place: Place,
        id: &ID,
    ) -> Result<Option<Model<E>>, DbErr> {
        let rows = match key_of(E::PREFIX, id) {
            Some(key) => self.lock::<E>(&[key]).await?,
            None => Vec::new(),
        };
        let row = rows.into_iter().next();
        if row.is_none() {
            self.missing::<E>(place, id);
        }
        Ok(row)
    }

    /// Locks the rows behind two ids, one after the other. Reports ids without a row.
    pub async fn lock_two<A: Writable, B: Writable>(
        &mut self,
        (a_place, a_id): (Place, &ID),
        (b_place, b_id): (Place, &ID),
    ) -> Result<(Option<Model<A>>, Option<Model<B>>), DbErr> {
        let keys = key_of(A::PREFIX, a_id).zip(key_of(B::PREFIX, b_id));
        let Some((a_key, b_key)) = keys else {
            let a = self.lock_one::<A>(a_place, a_id).await?;
            return Ok((a, self.lock_one::<B>(b_place, b_id).await?));
        };
        let (a, b) = self.lock_pair::<A, B>(a_key, b_key).await?;
        if a.is_none() {
            self.missing::<A>(a_place, a_id);
        }
        if b.is_none() {
            self.missing::<B>(b_place, b_id);
        }
        Ok((a, b))
    }

    /// Locks the row that `input.id` names. Reports a missing row and another version.
    pub async fn lock_subject<E: Writable>(
        &mut self,
        id: &ID,
        expected: Option<i32>,
    ) -> Result<Option<Model<E>>, DbErr> {
        let row = self.lock_one::<E>(Place::input().at("id"), id).await?;
        self.expect_version::<E>(row.as_ref(), expected);
        Ok(row)
    }

    /// Reports a row whose version differs from the one that the client has read.
    pub fn expect_version<E: Writable>(&mut self, row: Option<&Model<E>>, expected: Option<i32>) {
        let (Some(expected), Some(mut row)) = (expected, row.cloned()) else {
            return;
        };
        let current = *E::version(&mut row);
        if current != expected {
            let message = format!(
                "The {} was changed by someone else: it has version {current}, not {expected}.",
                E::NAME
            );
            let row = E::from(Record::single(row));
            self.report(VersionConflictError::report(
                Place::input().at("expectedVersion"),
                message,
                current,
                row.into(),
            ));
        }
    }

    /// Reports an id without a row.
    pub fn missing<E: Writable>(&mut self, place: Place, id: &ID) {
        let message = format!("There is no {} with this id.", E::NAME);
        self.report(NotFoundError::report(place, message, id.clone()));
    }
}

/// True if an optional list has no items.
pub fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

/// Errors that refused a mutation; none if it was done.
pub fn refusal<T>(outcome: &Outcome<T>) -> &[UserError] {
    outcome.as_ref().err().map_or(&[], Vec::as_slice)
}
