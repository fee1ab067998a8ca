import type { CompletedCommand, Completions } from "./completion.ts";
import { STUDY_NAMES } from "./study-names.ts";

export type Shell = "bash" | "zsh" | "fish";
type Script = (commands: readonly CompletedCommand[]) => string;

/** In single quotes, for every one of the three shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const joined = (words: readonly string[]): string => words.map(quoted).join(" ");

const byValue = (
  commands: readonly CompletedCommand[],
): readonly { readonly at: string; readonly value: Completions }[] =>
  commands.flatMap(({ name, options }) =>
    options.flatMap(({ long, value }) => (value === undefined ? [] : [{ at: `${name} ${long}`, value }])),
  );

const bashPart = ({ words, files, studies }: Completions): string =>
  [
    ...(words.length > 0 ? [`values=(${joined(words)})`] : []),
    ...(studies ? ["studies=1"] : []),
    ...(files ? ["files=1"] : []),
  ].join("; ") || ":";

const bash: Script = (commands) => `# drmad in bash: eval "$(drmad completion bash)"
_drmad() {
  local line="\${COMP_LINE:0:COMP_POINT}" cur previous command store word files= studies= i
  local -a words values found
  read -ra words <<< "$line"
  cur="\${line##*[[:space:]]}"
  [[ -n $cur ]] && unset "words[\${#words[@]}-1]"
  command="\${words[1]:-}"
  previous="\${words[\${#words[@]}-1]}"
  store=runs/drmad.db
  for ((i = 0; i < \${#words[@]} - 1; i++)); do [[ \${words[i]} == --store ]] && store="\${words[i + 1]}"; done
  COMPREPLY=()
  if (( \${#words[@]} < 2 )); then
    values=(${joined([...commands.map(({ name }) => name), "--help", "--version"])})
  else
    case "$command $previous" in
${byValue(commands)
  .map(({ at, value }) => `      ${quoted(at)}) ${bashPart(value)} ;;`)
  .join("\n")}
      *)
        if [[ $cur == -* ]]; then
          case "$command" in
${commands.map(({ name, options }) => `            ${quoted(name)}) values=(${joined(options.map(({ long }) => long))}) ;;`).join("\n")}
          esac
        else
          case "$command" in
${commands.flatMap(({ name, argument }) => (argument === undefined ? [] : [`            ${quoted(name)}) ${bashPart(argument)} ;;`])).join("\n")}
          esac
        fi ;;
    esac
  fi
  [[ -n $studies ]] && while IFS= read -r word; do values+=("$word"); done < <("\${words[0]}" ${STUDY_NAMES} "$store" 2>/dev/null)
  for word in "\${values[@]}"; do
    [[ $word == "$cur"* ]] || continue
    # Bash takes a colon for the end of a word, so what stands before it is not to be said again.
    [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] && word="\${word#"\${cur%"\${cur##*:}"}"}"
    found+=("$(printf '%q' "$word")")
  done
  COMPREPLY=("\${found[@]}")
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
  fi
}
complete -F _drmad drmad
`;

/** A word with what it is for, as zsh's _describe takes it. */
const described = (word: string, about: string): string => quoted(`${word.replaceAll(":", "\\:")}:${about}`);

const zshPart = ({ words, files, studies }: Completions): string =>
  [
    ...(words.length > 0 ? [`compadd -- ${joined(words)}`] : []),
    ...(studies ? [`compadd -- "\${(@f)$($words[1] ${STUDY_NAMES} $store 2>/dev/null)}"`] : []),
    ...(files ? ["_files"] : []),
  ].join("; ") || ":";

const zsh: Script = (commands) => `#compdef drmad
# drmad in zsh: source <(drmad completion zsh), after compinit; or as the file _drmad in a folder of $fpath.
_drmad() {
  local command=\${words[2]} previous=\${words[CURRENT-1]} store=runs/drmad.db
  local -a all
  (( \${words[(I)--store]} )) && store=\${words[\${words[(I)--store]}+1]}
  if (( CURRENT == 2 )); then
    all=(${commands.map(({ name, about }) => described(name, about)).join(" ")})
    _describe command all
    return
  fi
  case "$command $previous" in
${byValue(commands)
  .map(({ at, value }) => `    ${quoted(at)}) ${zshPart(value)}; return ;;`)
  .join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    case $command in
${commands.map(({ name, options }) => `      ${quoted(name)}) all=(${options.map(({ long, about }) => described(long, about)).join(" ")}) ;;`).join("\n")}
    esac
    _describe option all
    return
  fi
  case $command in
${commands.flatMap(({ name, argument }) => (argument === undefined ? [] : [`    ${quoted(name)}) ${zshPart(argument)} ;;`])).join("\n")}
  esac
}
if [[ \${funcstack[1]} == _drmad ]]; then _drmad "$@"; else compdef _drmad drmad; fi
`;

/** In fish a backslash and a quote are escaped within single quotes. */
const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const fishWords = ({ words, files, studies }: Completions): string =>
  [
    files ? "-F" : "-f",
    ...(words.length > 0 ? [`-a ${fishQuoted(words.join(" "))}`] : []),
    ...(studies ? [`-a '(__drmad_studies)'`] : []),
  ].join(" ");

const fish: Script = (commands) => `# drmad in fish: drmad completion fish > ~/.config/fish/completions/drmad.fish
function __drmad_studies
  set -l words (commandline -opc)
  set -l store runs/drmad.db
  set -l at (contains -i -- --store $words); and set store $words[(math $at + 1)]
  $words[1] ${STUDY_NAMES} $store 2>/dev/null
end
complete -c drmad -n __fish_use_subcommand -f
${commands
  .map(({ name, about, options, argument }) =>
    [
      `complete -c drmad -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(about)}`,
      `complete -c drmad -n '__fish_seen_subcommand_from ${name}' ${fishWords(argument ?? { words: [], files: false, studies: false })}`,
      ...options.map(
        (option) =>
          `complete -c drmad -n '__fish_seen_subcommand_from ${name}' -l ${option.long.slice(2)} -d ${fishQuoted(option.about)}` +
          (option.value === undefined ? "" : ` -r ${fishWords(option.value)}`),
      ),
    ].join("\n"),
  )
  .join("\n")}
`;

export const SCRIPTS: Readonly<Record<Shell, Script>> = { bash, zsh, fish };
