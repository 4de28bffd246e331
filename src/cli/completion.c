/* completion.c - flowmatch completion: scripts for shells, made from the tables of options. */
#include "cli/args.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct completion_options {
  const char *shell;
} completion_options;

static int run(int argc, char **argv);

const command completion_command = {
    .name = "completion",
    .synopsis = "SHELL",
    .summary = "print a script that completes commands and options",
    .description = "Prints a script for the shell: bash, zsh or fish. `make install` puts all three\n"
                   "where shells look for them.\n"
                   "\n",
    .examples = "  flowmatch completion bash >~/.local/share/bash-completion/completions/flowmatch\n"
                "  flowmatch completion zsh >~/.zfunc/_flowmatch\n"
                "  flowmatch completion fish >~/.config/fish/completions/flowmatch.fish\n",
    .operand = "SHELL",
    .words = "bash|zsh|fish",
    .operand_offset = offsetof(completion_options, shell),
    .run = run,
};

/* ---- what all shells are told ---------------------------------------------------------------------- */

/* The words, with blanks between them. */
static void print_words(const char *words) {
  for (; *words; words++) putchar(*words == '|' ? ' ' : *words);
}

static void print_command_names(void) {
  for (size_t i = 0; command_at(i); i++) printf("%s ", command_at(i)->name);
}

/* The beginning of a help text, which says what an option is, for between apostrophes: one of its own becomes
   `apostrophe`, a special character gets a backslash. */
static void print_brief(const char *help, const char *apostrophe, const char *special) {
  for (; *help && *help != ';' && *help != ':' && strncmp(help, " (", 2) != 0; help++) {
    if (*help == '\'') {
      fputs(apostrophe, stdout);
      continue;
    }
    if (strchr(special, *help)) putchar('\\');
    putchar(*help);
  }
}

/* ---- bash ------------------------------------------------------------------------------------------ */

/* "train --output"|"train -o") */
static void bash_pattern(const command *c, const option *o) {
  printf("  \"%s --%s\"", c->name, o->name);
  if (o->letter) printf(" | \"%s -%c\"", c->name, o->letter);
  fputs(") ", stdout);
}

static void bash_values(const command *c) {
  const option *o;
  for (size_t i = 0; (o = args_at(c, i)); i++) {
    if (o->kind == OPTION_HEADING || o->kind == OPTION_FLAG) continue;
    bash_pattern(c, o);
    if (o->kind == OPTION_CHOICE) {
      fputs("words=\"", stdout);
      print_words(o->value);
      puts("\" ;;");
    } else {
      puts(args_takes_file(o) ? "files=1 ;;" : "return ;;");
    }
  }
}

static void bash_options(const command *c) {
  const option *o;
  printf("    %s) words=\"", c->name);
  for (size_t i = 0; (o = args_at(c, i)); i++)
    if (o->kind != OPTION_HEADING) printf("--%s ", o->name);
  puts("\" ;;");
}

static void bash_operands(void) {
  for (size_t i = 0; command_at(i); i++) {
    const command *c = command_at(i);
    if (!c->words && c->operand) continue;
    printf("    %s) files= words=\"", c->name);
    if (c->words) print_words(c->words);
    puts("\" ;;");
  }
}

static void print_bash(void) {
  puts("# bash completion for flowmatch; flowmatch completion bash prints it.\n"
       "_flowmatch() {\n"
       "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= files=\n"
       "  local command=${COMP_WORDS[1]} IFS=$' \\t\\n'\n"
       "  COMPREPLY=()\n"
       "  # --name=value comes as three words.\n"
       "  if [[ $current == = ]]; then\n"
       "    current=\n"
       "  elif [[ $before == = ]]; then\n"
       "    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
       "  fi");
  fputs("  if ((COMP_CWORD == 1)); then\n"
        "    command= words=\"",
        stdout);
  print_command_names();
  fputs("help --help --version\"\n"
        "  elif [[ $command == help ]]; then\n"
        "    words=\"",
        stdout);
  print_command_names();
  puts("\"\n"
       "  fi\n"
       "  case \"$command $before\" in");
  for (size_t i = 0; command_at(i); i++) bash_values(command_at(i));
  puts("  esac\n"
       "  if [[ -z $words$files && $current == -* ]]; then\n"
       "    case $command in");
  for (size_t i = 0; command_at(i); i++) bash_options(command_at(i));
  puts("    esac\n"
       "  elif [[ -z $words$files ]]; then\n"
       "    files=1\n"
       "    case $command in");
  bash_operands();
  puts("    esac\n"
       "  fi\n"
       "  if [[ -n $files ]]; then\n"
       "    compopt -o filenames 2>/dev/null\n"
       "    IFS=$'\\n'\n"
       "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
       "  else\n"
       "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
       "  fi\n"
       "}\n"
       "complete -F _flowmatch flowmatch");
}

/* ---- zsh ------------------------------------------------------------------------------------------- */

static void zsh_brief(const char *help) { print_brief(help, "'\\''", "[]\\"); }

/* '(-o --output)'{-o+,--output=}'[where the model goes]:MODEL:_files' */
static void zsh_option(const option *o) {
  bool value = o->kind != OPTION_FLAG;
  fputs("      ", stdout);
  if (o->letter)
    printf("'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, value ? "+" : "", o->name,
           value ? "=" : "");
  else
    printf("'--%s%s[", o->name, value ? "=" : "");
  zsh_brief(o->help);
  putchar(']');
  if (o->kind == OPTION_CHOICE) {
    printf(":%s:(", o->name);
    print_words(o->value);
    putchar(')');
  } else if (value) {
    printf(":%s:%s", o->name, args_takes_file(o) ? "_files" : "");
  }
  puts("' \\");
}

static void zsh_command(const command *c) {
  const option *o;
  printf("  %s)\n    _arguments -s \\\n", c->name);
  for (size_t i = 0; (o = args_at(c, i)); i++)
    if (o->kind != OPTION_HEADING) zsh_option(o);
  if (!c->operand) {
    puts("      && return 0");
  } else {
    printf("      '%s:%s:", c->several ? "*" : "1", c->operand);
    if (c->words) {
      putchar('(');
      print_words(c->words);
      puts(")'");
    } else {
      puts("_files'");
    }
  }
  puts("    ;;");
}

static void print_zsh(void) {
  puts("#compdef flowmatch\n"
       "# zsh completion for flowmatch; flowmatch completion zsh prints it.\n"
       "_flowmatch() {\n"
       "  local -a commands\n"
       "  commands=(");
  for (size_t i = 0; command_at(i); i++) {
    printf("    '%s:", command_at(i)->name);
    zsh_brief(command_at(i)->summary);
    puts("'");
  }
  puts("    'help:explain a command'\n"
       "  )\n"
       "  if ((CURRENT == 2)) || [[ $words[2] == help ]]; then\n"
       "    _describe -t commands command commands\n"
       "    return\n"
       "  fi\n"
       "  shift words\n"
       "  ((CURRENT--))\n"
       "  case $words[1] in");
  for (size_t i = 0; command_at(i); i++) zsh_command(command_at(i));
  puts("  esac\n"
       "}\n"
       "_flowmatch \"$@\"");
}

/* ---- fish ------------------------------------------------------------------------------------------ */

static void fish_brief(const char *help) { print_brief(help, "\\'", "\\"); }

static void fish_option(const command *c, const option *o) {
  printf("complete -c flowmatch -n '__fish_seen_subcommand_from %s'", c->name);
  if (o->letter) printf(" -s %c", o->letter);
  printf(" -l %s", o->name);
  if (o->kind == OPTION_CHOICE) {
    fputs(" -x -a '", stdout);
    print_words(o->value);
    putchar('\'');
  } else if (o->kind != OPTION_FLAG) {
    fputs(args_takes_file(o) ? " -r -F" : " -x", stdout);
  }
  fputs(" -d '", stdout);
  fish_brief(o->help);
  puts("'");
}

static void fish_command(const command *c) {
  const option *o;
  printf("complete -c flowmatch -n __fish_use_subcommand -f -a %s -d '", c->name);
  fish_brief(c->summary);
  puts("'");
  for (size_t i = 0; (o = args_at(c, i)); i++)
    if (o->kind != OPTION_HEADING) fish_option(c, o);
  if (c->operand && !c->words) return; /* files, as always */
  printf("complete -c flowmatch -n '__fish_seen_subcommand_from %s' -f", c->name);
  if (c->words) {
    fputs(" -a '", stdout);
    print_words(c->words);
    putchar('\'');
  }
  putchar('\n');
}

static void print_fish(void) {
  puts("# fish completion for flowmatch; flowmatch completion fish prints it.\n"
       "complete -c flowmatch -n __fish_use_subcommand -f -a help -d 'explain a command'");
  for (size_t i = 0; command_at(i); i++) fish_command(command_at(i));
  fputs("complete -c flowmatch -n '__fish_seen_subcommand_from help' -f -a '", stdout);
  print_command_names();
  puts("'");
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int run(int argc, char **argv) {
  completion_options o = {0};
  int code = args_parse(&completion_command, argc, argv, &o);
  if (code >= 0) return code;
  if (strcmp(o.shell, "bash") == 0) print_bash();
  if (strcmp(o.shell, "zsh") == 0) print_zsh();
  if (strcmp(o.shell, "fish") == 0) print_fish();
  return EXIT_SUCCESS;
}
