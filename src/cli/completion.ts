import { Argument, type Command, type Option } from "commander";
import { builtIns } from "../experiments/index.ts";
import { SCRIPTS, type Shell } from "./completion-scripts.ts";
import { choicesOf } from "./options.ts";

/** What may stand at a place of the command line. */
export interface Completions {
  readonly words: readonly string[];
  readonly files: boolean;
  readonly studies: boolean;
}

export interface CompletedOption {
  readonly long: string;
  readonly about: string;
  /** Undefined where it takes no value. */
  readonly value: Completions | undefined;
}

export interface CompletedCommand {
  readonly name: string;
  readonly about: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Completions | undefined;
}

const NOTHING: Completions = { words: [], files: false, studies: false };
/** Names of arguments and of options' values that stand for paths. */
const PATHS = /<(?:file|folder|path)>/;

const firstLine = (text: string): string => text.split(/[\n;(]/)[0]!.trim();

const optionOf = (option: Option): CompletedOption => ({
  long: option.long ?? option.flags,
  about: firstLine(option.description),
  value:
    option.required || option.optional
      ? { ...NOTHING, words: choicesOf(option), files: PATHS.test(option.flags) }
      : undefined,
});

function argumentOf(argument: Argument | undefined): Completions | undefined {
  if (argument === undefined) return undefined;
  if (argument.argChoices !== undefined) return { ...NOTHING, words: argument.argChoices };
  switch (argument.name()) {
    case "experiment":
      return { ...NOTHING, words: Object.keys(builtIns), files: true };
    case "name":
    case "names":
      return { ...NOTHING, studies: true };
    case "file":
      return { ...NOTHING, files: true };
    default:
      return NOTHING;
  }
}

/** What a program's commands take, as the program itself states it. */
export const completedCommands = (program: Command): readonly CompletedCommand[] =>
  program.commands.map((command) => ({
    name: command.name(),
    about: firstLine(command.description()),
    options: [...command.options.map(optionOf), { long: "--help", about: "show its help", value: undefined }],
    argument: argumentOf(command.registeredArguments[0]),
  }));

const EXAMPLES = `
Examples:
  eval "$(drmad completion bash)"                                    in ~/.bashrc
  source <(drmad completion zsh)                                     in ~/.zshrc, after compinit
  drmad completion fish > ~/.config/fish/completions/drmad.fish
`;

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes commands, options and names of studies in a shell")
    .addArgument(new Argument("<shell>", "whose script").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", EXAMPLES)
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell](completedCommands(program))));
}
