//! `kubectl completion`: scripts that make shells ask `kubectl __complete`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::Result;

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "completion",
    usage: "SHELL",
    short: "Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
    long: "Output shell completion code for the specified shell (bash, zsh, fish, or powershell). The shell code must be evaluated to provide interactive completion of kubectl commands. This can be done by sourcing it from the .bash_profile.\n\n Commands, flags, types and names are completed; types and names are those of the server.",
    examples: "# In this bash, and in every new one
source <(kubectl completion bash)
echo 'source <(kubectl completion bash)' >> ~/.bashrc

# An alias that completes as well
alias k=kubectl
complete -o default -F __start_kubectl k

# In zsh
source <(kubectl completion zsh)

# In every new zsh
kubectl completion zsh > \"${fpath[1]}/_kubectl\"

# In fish
kubectl completion fish | source

# In PowerShell
kubectl completion powershell | Out-String | Invoke-Expression",
    group: Group::Settings,
    options: Some(|| Box::new(Scripts)),
    completion: Completion::Words(&["bash", "fish", "powershell", "zsh"]),
    ..Command::EMPTY
};

const SCRIPTS: [(&str, &str); 4] = [
    ("bash", include_str!("scripts/bash.sh")),
    ("zsh", include_str!("scripts/zsh.sh")),
    ("fish", include_str!("scripts/fish.fish")),
    ("powershell", include_str!("scripts/powershell.ps1")),
];

struct Scripts;

impl Flags for Scripts {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for Scripts {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let shell = match arguments.words.as_slice() {
            [] => return Err(context.usage_error("Shell not specified.")),
            [shell] => shell,
            _ => return Err(context.usage_error("Too many arguments. Expected only the shell type.")),
        };
        match SCRIPTS.iter().find(|(known, _)| known == shell) {
            Some((_, script)) => Ok(context.streams.out.print(script)?),
            None => Err(context.usage_error(&format!("Unsupported shell type {shell:?}."))),
        }
    }
}
