//! Arguments with a default, as the specification has them.

use std::borrow::Cow;

use async_graphql::{InputType, InputValueError, InputValueResult, Value, registry::Registry};

/// An argument with a default. The library gives the default only where the argument is not
/// written; the specification gives it also where its variable is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrDefault<T>(pub T);

impl<T: Default> Default for OrDefault<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: InputType + Default> InputType for OrDefault<T> {
    type RawValueType = T::RawValueType;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        if value.is_none() {
            return Ok(Self::default());
        }
        T::parse(value)
            .map(Self)
            .map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_raw_value()
    }
}

/// An `Int` argument that is `N` by default, in the way of [`OrDefault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntOr<const N: i32>(pub i32);

impl<const N: i32> Default for IntOr<N> {
    fn default() -> Self {
        Self(N)
    }
}

impl<const N: i32> InputType for IntOr<N> {
    type RawValueType = i32;

    fn type_name() -> Cow<'static, str> {
        i32::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        i32::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        if value.is_none() {
            return Ok(Self::default());
        }
        i32::parse(value)
            .map(Self)
            .map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        i32::to_value(&self.0)
    }

    fn as_raw_value(&self) -> Option<&i32> {
        Some(&self.0)
    }
}
