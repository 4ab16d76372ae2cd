//! The walk over the command line, with pflag's rules.

use super::{Flag, FlagError, FlagSet, Positional};

impl FlagSet<'_> {
    /// Parses `arguments` (without the program's name) into the fields and returns what is neither flag nor value.
    ///
    /// # Errors
    /// The first flag that is unknown, lacks its value or does not parse.
    pub fn parse<S: AsRef<str>>(&mut self, arguments: impl IntoIterator<Item = S>) -> Result<Vec<String>, FlagError> {
        self.parse_positional(arguments).map(|positional| positional.words)
    }

    /// The same, and where `--` stood.
    ///
    /// # Errors
    /// Like [`FlagSet::parse`].
    pub fn parse_positional<S: AsRef<str>>(
        &mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Positional, FlagError> {
        let mut rest = arguments.into_iter();
        let (mut positional, mut before_dash) = (Vec::new(), None);
        while let Some(argument) = rest.next() {
            let argument = argument.as_ref();
            if argument == "--" {
                before_dash = Some(positional.len());
                positional.extend(rest.by_ref().map(|word| word.as_ref().to_owned()));
            } else if let Some(body) = argument.strip_prefix("--") {
                self.parse_long(argument, body, &mut rest)?;
            } else if argument.len() > 1 && argument.starts_with('-') {
                self.parse_short(&argument[1..], &mut rest)?;
            } else {
                positional.push(argument.to_owned());
            }
        }
        Ok(Positional {
            words: positional,
            before_dash,
        })
    }

    fn parse_long<S: AsRef<str>>(
        &mut self,
        argument: &str,
        body: &str,
        rest: &mut impl Iterator<Item = S>,
    ) -> Result<(), FlagError> {
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(FlagError::BadSyntax(argument.to_owned()));
        }
        let index = self.find(name).ok_or_else(|| FlagError::Unknown(name.to_owned()))?;
        let flag = &mut self.flags[index];
        match (value, flag.value.implied()) {
            (Some(value), _) => flag.set(value),
            (None, Some(implied)) => flag.set(implied),
            (None, None) => match rest.next() {
                Some(value) => flag.set(value.as_ref()),
                None => Err(FlagError::NeedsArgument(format!("--{}", flag.name))),
            },
        }
    }

    fn parse_short<S: AsRef<str>>(&mut self, group: &str, rest: &mut impl Iterator<Item = S>) -> Result<(), FlagError> {
        for (offset, letter) in group.char_indices() {
            let Some(flag) = self.flags.iter_mut().find(|flag| flag.shorthand == Some(letter)) else {
                return Err(FlagError::UnknownShorthand {
                    letter,
                    group: group.to_owned(),
                });
            };
            let tail = &group[offset + letter.len_utf8()..];
            if let Some(value) = tail.strip_prefix('=') {
                return flag.set(value);
            }
            if let Some(implied) = flag.value.implied() {
                flag.set(implied)?;
                continue;
            }
            if !tail.is_empty() {
                return flag.set(tail);
            }
            return match rest.next() {
                Some(value) => flag.set(value.as_ref()),
                None => Err(FlagError::NeedsArgument(format!("{letter:?} in -{group}"))),
            };
        }
        Ok(())
    }
}

impl Flag<'_> {
    fn set(&mut self, text: &str) -> Result<(), FlagError> {
        self.value
            .set(text, !self.changed)
            .map_err(|reason| FlagError::Invalid {
                value: text.to_owned(),
                flag: match self.shorthand {
                    Some(letter) => format!("-{letter}, --{}", self.name),
                    None => format!("--{}", self.name),
                },
                reason,
            })?;
        self.changed = true;
        if let Some(advice) = self.deprecated {
            // Logging is not configured while flags are parsed; pflag, too, writes this line directly.
            eprintln!("Flag --{} has been deprecated, {advice}", self.name);
        }
        Ok(())
    }
}
