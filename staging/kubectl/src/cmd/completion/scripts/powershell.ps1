# Completion for kubectl in PowerShell: every word is asked of `kubectl __complete`.

Register-ArgumentCompleter -Native -CommandName 'kubectl' -ScriptBlock {
    param($WordToComplete, $CommandAst, $CursorPosition)

    $Words = @($CommandAst.CommandElements | ForEach-Object { $_.ToString() })
    $Program = $Words[0]
    $Arguments = @($Words | Select-Object -Skip 1)
    if ($WordToComplete -eq '') { $Arguments += '""' }
    $Request = "$Program __complete $($Arguments -join ' ')"
    $Out = @(Invoke-Expression $Request 2>$null)
    if ($Out.Count -eq 0) { return }

    # 1: no completion at all. 2: no blank behind the word.
    $Directive = [int]($Out[-1].TrimStart(':'))
    if (($Directive -band 1) -ne 0) { return }
    $Blank = if (($Directive -band 2) -ne 0) { '' } else { ' ' }
    # Of --flag=value the candidates are values.
    $Prefix = if ($WordToComplete -match '^(--[^=]*=)') { $Matches[1] } else { '' }
    $Out | Select-Object -SkipLast 1 | ForEach-Object {
        $Name, $Description = $_ -split "`t", 2
        if (-not $Description) { $Description = $Name }
        [System.Management.Automation.CompletionResult]::new("$Prefix$Name$Blank", $Name, 'ParameterValue', $Description)
    }
}
