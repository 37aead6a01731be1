//! What one operation may be and may load: every number, its unit and its default.

/// The limits on one operation. Over any of them it is refused with `LIMIT_EXCEEDED`, which names
/// the limit as it is called here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens in the text, as GraphQL counts them: names, numbers, strings and punctuation.
    pub tokens: usize,
    /// Brackets of any kind inside each other, in the text.
    pub brackets: usize,
    /// Directives in the text.
    pub directives: usize,
    /// Characters in one name or number.
    pub name_length: usize,
    /// Fragment definitions in the text.
    pub fragments: usize,
    /// Operations in the text.
    pub operations: usize,
    /// Fields inside each other; fragments do not count, but there may be at most twice as many
    /// selection sets inside each other.
    pub depth: usize,
    /// Aliases in one operation, those of a fragment once for each spread.
    pub aliases: usize,
    /// Fields at the root of one operation.
    pub root_fields: usize,
    /// Fields in one operation, those of a fragment once for each spread.
    pub fields: usize,
    /// Variables that one operation declares.
    pub variables: usize,
    /// Lists and objects inside each other in the value of a variable.
    pub variable_depth: usize,
    /// Values in all variables together, those inside of lists and objects too.
    pub variable_values: usize,
    /// Relations that a filter may go through; SQLite's parser takes no more than about four.
    pub filter_hops: usize,
    /// Conditions in all filters of the operation together.
    pub filter_conditions: usize,
    /// Objects that the operation can return at most, page sizes multiplied down the tree.
    pub cost: u64,
    /// Rows that the operation may load.
    pub loaded: usize,
    /// Values (fields of objects, counted once for each object) that an answer may hold.
    pub answer_values: usize,
    /// Bytes of JSON that the data of an answer may take.
    pub answer_bytes: usize,
    /// Events of all subscriptions of a server that are resolved at the same time.
    pub events_at_once: usize,
    /// Bytes that the parsed documents kept for the next time may take; 0 keeps none.
    pub document_cache: usize,
}

impl Limits {
    /// What holds unless somebody says otherwise.
    pub const DEFAULT: Self = Self {
        tokens: 5_000,
        brackets: 64,
        directives: 50,
        name_length: 128,
        fragments: 50,
        operations: 10,
        depth: 16,
        aliases: 50,
        root_fields: 50,
        fields: 5_000,
        variables: 100,
        variable_depth: 64,
        variable_values: 50_000,
        filter_hops: 3,
        filter_conditions: 100,
        cost: 500_000,
        loaded: 100_000,
        answer_values: 2_000_000,
        answer_bytes: 32 << 20,
        events_at_once: 64,
        document_cache: 32 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
