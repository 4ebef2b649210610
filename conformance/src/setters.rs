//! Setters of records that may grow.

/// Writes setters: of each its name, its field, and the type of that.
macro_rules! setters {
    ($of:ty: $($name:ident($field:ident: $type:ty);)+) => {
        impl $of {
            $(
                #[doc = concat!("The same, but for `", stringify!($field), "`.")]
                #[must_use]
                pub fn $name(self, $field: $type) -> Self {
                    Self { $field, ..self }
                }
            )+
        }
    };
}

pub(crate) use setters;
