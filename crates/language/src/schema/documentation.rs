//! What introspection says of a definition besides its types (specification, section 4.2).

/// Description and deprecation of a definition. One pointer, so that validation, which never reads
/// it, walks definitions that stay small.
#[derive(Debug, Default)]
pub struct Documentation(Option<Box<Texts>>);

#[derive(Debug)]
struct Texts {
    description: Option<Box<str>>,
    deprecation_reason: Option<Box<str>>,
}

impl Documentation {
    pub(super) fn new(description: Option<Box<str>>, deprecation_reason: Option<Box<str>>) -> Self {
        let is_empty = description.is_none() && deprecation_reason.is_none();
        Self((!is_empty).then(|| {
            Box::new(Texts {
                description,
                deprecation_reason,
            })
        }))
    }

    /// The description, in Markdown. Absent if the SDL has none; an empty one is present.
    pub fn description(&self) -> Option<&str> {
        self.0.as_ref()?.description.as_deref()
    }

    /// The reason of `@deprecated`: section 3.13.3. Absent if the definition is not deprecated.
    pub fn deprecation_reason(&self) -> Option<&str> {
        self.0.as_ref()?.deprecation_reason.as_deref()
    }

    /// True if the definition has `@deprecated`.
    pub fn is_deprecated(&self) -> bool {
        self.deprecation_reason().is_some()
    }

    /// Adds the `@deprecated` of an extension; that of the definition stays.
    pub(super) fn deprecate(&mut self, reason: Option<Box<str>>) {
        match &mut self.0 {
            Some(texts) => texts.deprecation_reason = texts.deprecation_reason.take().or(reason),
            None => *self = Self::new(None, reason),
        }
    }
}
