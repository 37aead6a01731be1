//! What a document may have at most: every number, its unit and its default.

/// Limits on a document and its variables. A document over one of them is refused in
/// [`Stage::Limit`](crate::Stage::Limit), and the error names the field of this struct.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DocumentLimits {
    /// Tokens in the text: names, numbers, strings and punctuation.
    pub tokens: usize,
    /// Selection sets, lists, objects and types inside each other, in the text.
    /// The parser and the validator recurse this deep.
    pub brackets: usize,
    /// Directives in the text.
    pub directives: usize,
    /// Bytes in one name or number.
    pub name_length: usize,
    /// Operations in the text.
    pub operations: usize,
    /// Fragment definitions in the text.
    pub fragments: usize,
    /// Variables that one operation declares.
    pub variables: usize,
    /// Lists and objects inside each other in the value of a variable.
    pub variable_depth: usize,
    /// Values in all variables together, including those inside lists and objects.
    pub variable_values: usize,
    /// Fields inside each other, counted through fragments before fields are merged.
    /// Merging and normalization recurse this deep.
    pub depth: usize,
    /// Steps of the search for fields that conflict.
    pub merge_steps: usize,
    /// Fields of the normalized operation: fragments written out, equal response keys merged.
    pub fields: usize,
    /// Steps of normalization: selections visited, values copied.
    pub normalize_steps: usize,
    /// Aliases in the normalized operation; of an interface or union those of one type.
    pub aliases: usize,
    /// Response keys at the root of the normalized operation.
    pub root_fields: usize,
    /// Lists of introspection (`fields`, `interfaces`, `possibleTypes`, `inputFields`) inside each
    /// other: each level multiplies the answer by the size of the schema.
    pub introspection_lists: usize,
    /// Objects that the operation can return, as counted by a [`CostModel`](crate::CostModel).
    pub cost: u64,
}

impl DocumentLimits {
    /// Limits under which any 64 KiB of text take less than 5 ms and a thread of 2 MiB.
    pub const DEFAULT: Self = Self {
        tokens: 5_000,
        brackets: 64,
        directives: 50,
        name_length: 128,
        operations: 10,
        fragments: 50,
        variables: 100,
        variable_depth: 64,
        variable_values: 50_000,
        depth: 16,
        merge_steps: 20_000,
        fields: 5_000,
        normalize_steps: 50_000,
        aliases: 50,
        root_fields: 50,
        introspection_lists: 2,
        cost: 500_000,
    };
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
