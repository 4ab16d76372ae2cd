//! `configuration!`: a struct of settings with its defaults, its flags and its place in the published configuration, from
//! one table.

/// Declares configuration groups. Each field has the name under which the configuration is published, its default, its
/// flag and the flag's text; a field that is given by no flag names none.
macro_rules! configuration {
    ($(
        $(#[$doc:meta])*
        $name:ident in $section:literal {$(
            $field:ident $published:literal: $type:ty = $default:expr $(, $flag:literal $usage:expr)?;
        )*}
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct $name {$(
            #[doc = concat!("`", $published, "`", $(": ", $usage)?)]
            #[serde(rename = $published)]
            pub $field: $type,
        )*}

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Flags for $name {
            fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
                flags.section($section);
                $($(flags.add($flag, &mut self.$field, $usage);)?)*
            }
        }
    )*};
}

pub(super) use configuration;
