#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "cli/terminal.hpp"
#include "formats/nearest.hpp"

namespace baton::cli {
namespace {

struct Command {
  Verb verb;
  std::string_view name;
  std::string_view summary;
  std::string_view examples;
};

constexpr std::array commands{
    Command{Verb::run, "run", "Run a pipeline: what is not up to date, in order",
            "  baton run pipeline.yaml               what is not up to date\n"
            "  baton run pipeline.yaml align -j 4    align and what it needs, four tasks at a time\n"
            "  baton run pipeline.yaml 'align[a]'    one task of a foreach\n"
            "  baton run pipeline.yaml --set n=10    another value for the parameter n\n"
            "  baton run pipeline.yaml --server http://127.0.0.1:8080,http://127.0.0.1:8081\n"
            "\n"
            "After a kill, the same command goes on where it stopped. Ctrl-C stops the jobs and ends; twice kills them.\n"
            "With a server the run outlives the command: Ctrl-C detaches from it, and the same command joins it again.\n"
            "Exit code: 0 all succeeded or up to date, 1 a task failed, 2 bad usage or input, 3 cancelled, 4 the surroundings "
            "failed,\n5 detached from a run that goes on."},
    Command{Verb::plan, "plan", "Show which tasks would run, and all reasons of each; writes nothing",
            "  baton plan pipeline.yaml\n"
            "  baton plan pipeline.yaml count --set ploidy=1\n"
            "  baton plan pipeline.yaml --json | python3 -m json.tool"},
    Command{Verb::why, "why", "Say why a task runs, waits, or does not run",
            "  baton why pipeline.yaml count\n"
            "  baton why pipeline.yaml 'align[a]'"},
    Command{Verb::status, "status", "Show how the newest run stands",
            "  baton status                          of pipeline.yaml in this folder\n"
            "  baton status analysis/pipeline.yaml --json"},
    Command{Verb::history, "history", "List the runs that did something, newest first",
            "  baton history pipeline.yaml\n"
            "  baton history pipeline.yaml -n 5"},
    Command{Verb::logs, "logs", "Print what a task wrote",
            "  baton logs pipeline.yaml count\n"
            "  baton logs pipeline.yaml 'align[a]' -f    go on until the task has ended"},
    Command{Verb::cancel, "cancel", "Stop what runs of a pipeline, and wait until it has stopped",
            "  baton cancel pipeline.yaml\n"
            "  baton cancel pipeline.yaml --server http://127.0.0.1:8080"},
    Command{Verb::quarantine, "quarantine", "List the runs that a server holds because their passes failed, or release one",
            "  baton quarantine list --server http://127.0.0.1:8080\n"
            "  baton quarantine release 1:6f1c2ad0-0b5e-5e0e-9a6e-0d6d3c1e2f4a:3"},
    Command{Verb::version, "version", "Print the version", "  baton version"}};

std::vector<std::string_view> names_of_commands() {
  std::vector<std::string_view> names;
  for (const auto& command : commands) names.push_back(command.name);
  return names;
}

/// One parser: what it knows, and where it writes to. Never moved: the parser refers to `options`.
struct Parser {
  CLI::App app{"Baton runs computational pipelines: what must run, in order, and nothing twice.", "baton"};
  Options options;
  bool print_version = false;

  Parser() {
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.add_flag("--version", print_version, "Print the version and exit");
    app.require_subcommand(0, 1);
    app.allow_extras();
    app.footer(
        "\nExamples:\n  baton run pipeline.yaml\n  baton plan pipeline.yaml\n  baton run --help\n\n"
        "A pipeline is described in a YAML file; its state is kept in .baton/ and its results in baton-out/, both beside it.\n"
        "A replica of a service: baton serve --help; its tables: baton migrate --help.\n");
    for (const auto& command : commands) add(command);
  }

  void add(const Command& command) {
    auto* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    sub->allow_extras();
    sub->footer("\nExamples:\n" + std::string(command.examples) + "\n");
    sub->callback([this, verb = command.verb] { options.verb = verb; });
    if (command.verb != Verb::logs)
      sub->add_flag("--json", options.json, "Print one JSON object on stdout, and nothing else there");
    if (command.verb == Verb::version) return;
    if (command.verb == Verb::quarantine) {
      add_quarantine(*sub);
      return;
    }
    add_file(*sub, command.verb);
    if (command.verb != Verb::run) add_state(*sub);
    if (command.verb == Verb::run) add_run(*sub);
    if (command.verb == Verb::run || command.verb == Verb::plan) add_selection(*sub);
    if (command.verb == Verb::plan || command.verb == Verb::why) {
      add_values(*sub);
      add_out(*sub, "Where results would go (default: baton-out beside FILE)");
    }
    if (command.verb == Verb::history)
      sub->add_option("-n,--newest", options.newest, "How many runs to list (default: 20)")
          ->check(CLI::Range(1U, 100'000U).description(""))
          ->type_name("N");
    if (command.verb == Verb::logs) sub->add_flag("-f,--follow", options.follow, "Print on until the task has ended");
    add_server(*sub);
    sub->add_option("--project", options.project, "With --server: the project's UUID (default: it follows from user and name)")
        ->type_name("UUID");
    if (command.verb == Verb::run)
      sub->add_flag("--cancel-on-interrupt", options.cancel_on_interrupt,
                    "With --server: Ctrl-C cancels the run (default: it detaches from it)");
  }

  void add_server(CLI::App& sub) {
    sub.add_option("--server", options.server,
                   "Speak to a `baton serve`; of several, to one that answers (default: BATON_SERVER)")
        ->type_name("URL[,URL...]");
    sub.add_option("--user", options.user, "With --server: the user's number (default: 1)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 62).description(""))
        ->type_name("N");
  }

  void add_quarantine(CLI::App& sub) {
    sub.add_option("ACTION", options.action, "list or release")->required()->type_name("");
    sub.add_option("RUN", options.held_run, "With release: USER:PROJECT:ITERATION, as list shows it")->type_name("");
    add_server(sub);
  }

  void add_file(CLI::App& sub, Verb verb) {
    auto* file = sub.add_option("FILE", options.file, "The pipeline file")->type_name("");
    if (verb == Verb::status)
      file->description("The pipeline file (default: pipeline.yaml)");
    else
      file->required();
    if (verb == Verb::why || verb == Verb::logs)
      sub.add_option("NODE", options.nodes, "A step, or one of its tasks: 'align[a]'")->expected(1)->required()->type_name("");
    if (verb == Verb::run || verb == Verb::plan)
      sub.add_option("NODE", options.nodes,
                     "Steps, or single tasks 'align[a]'; with those of their ancestors that must run (default: all)")
          ->type_name("");
  }

  void add_state(CLI::App& sub) {
    sub.add_option("--state", options.state, "The state directory (default: .baton beside FILE)")->type_name("DIR");
  }

  void add_selection(CLI::App& sub) {
    sub.add_flag("--force", options.force, "Run all tasks, or the named ones, in any case");
    if (sub.get_name() == "plan")
      sub.add_option("--simulate", options.simulate, "Plan as for `baton run --simulate`")
          ->check(CLI::Validator(CLI::NonNegativeNumber).description(""))
          ->type_name("SCALE");
  }

  void add_values(CLI::App& sub) {
    sub.add_option("--set", options.set, "Another value for a parameter, read as YAML; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false)
        ->type_name("K=V");
    sub.add_option("--params", options.params, "A YAML or JSON file with values for parameters")->type_name("FILE");
  }

  void add_run(CLI::App& sub) {
    sub.add_option("-j,--jobs", options.jobs, "Tasks at a time (default: the CPUs)")
        ->check(CLI::Range(1U, 100'000U).description(""))
        ->type_name("N");
    sub.add_flag("-k,--keep-going", options.keep_going, "After a failure, go on where it allows");
    sub.add_flag("--dry-run", options.dry_run, "The same as `baton plan`");
    add_values(sub);
    sub.add_option("--resources", options.resources, "What this machine has to share out: license-x=2,ram=8GiB")
        ->type_name("LIST");
    sub.add_option("--simulate", options.simulate,
                   "Run `true` in the place of each command; nothing is made or checked (SCALE: of recorded run times)")
        ->check(CLI::Validator(CLI::NonNegativeNumber).description(""))
        ->type_name("SCALE");
    add_state(sub);
    add_out(sub, "Where results go (default: baton-out beside FILE)");
  }

  void add_out(CLI::App& sub, const char* what) { sub.add_option("--out", options.out, what)->type_name("DIR"); }
};

Answer wrong(std::string_view what, std::string_view way_out, std::string_view command = {}) {
  std::string text = "error: " + printable(what) + "\n";
  if (!way_out.empty()) text.append("  ").append(printable(way_out)).append("\n");
  text.append("  See: baton ").append(command).append(command.empty() ? "--help\n" : " --help\n");
  return {ExitCode::bad_input, std::move(text)};
}

Answer unknown_command(std::string_view typed) {
  const auto names = names_of_commands();
  return wrong("there is no command " + formats::quote(typed), formats::suggestion("commands", typed, names));
}

Answer unknown_option(const CLI::App& app, std::string_view typed, std::string_view command) {
  typed = typed.substr(0, typed.find('='));
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto near = formats::nearest(typed, known);
  return wrong("'" + std::string(command.empty() ? "baton" : command) + "' has no option " + formats::quote(typed),
               near ? "did you mean " + formats::quote(*near) + "?" : std::string(), command);
}

/// What the parser did not know what to do with.
Answer left_over(const CLI::App& app, const std::string& word, std::string_view command) {
  if (word.size() > 1 && word[0] == '-') return unknown_option(app, word, command);
  return wrong("'" + std::string(command.empty() ? "baton" : command) + "' takes no further argument: " + formats::quote(word),
               {}, command);
}

/// A first word that is no command: CLI11 would hand it to the options after it.
std::optional<Answer> check_command(std::span<const std::string> words) {
  if (words.empty() || words[0].empty() || words[0][0] == '-') return std::nullopt;
  const auto names = names_of_commands();
  if (std::ranges::find(names, words[0]) != names.end()) return std::nullopt;
  return unknown_command(words[0]);
}

/// Options that say something of this machine, where a server's does the work, and the other way round.
std::optional<Answer> check_server(const Options& options, std::string_view command) {
  const auto other_way = [&](bool given, std::string_view name) {
    return given ? std::optional(wrong("'" + std::string(name) + "' is an option for work with a server",
                                       "name one with --server, or in BATON_SERVER", command))
                 : std::nullopt;
  };
  const auto here_alone = [&](bool given, std::string_view name) {
    return given ? std::optional(wrong("'" + std::string(name) + "' is about this machine, and the work is a server's",
                                       "leave it out, or unset BATON_SERVER to work without a server", command))
                 : std::nullopt;
  };
  std::optional<Answer> answer;
  if (options.server.empty()) {
    if (options.verb == Verb::quarantine)
      return wrong("'quarantine' is for work with a server", "name one with --server", command);
    answer = other_way(!options.project.empty(), "--project");
    if (!answer) answer = other_way(options.user.has_value(), "--user");
    if (!answer) answer = other_way(options.cancel_on_interrupt, "--cancel-on-interrupt");
    return answer;
  }
  answer = here_alone(options.jobs.has_value(), "-j");
  if (!answer) answer = here_alone(!options.state.empty(), "--state");
  if (!answer) answer = here_alone(!options.out.empty(), "--out");
  if (!answer) answer = here_alone(!options.resources.empty(), "--resources");
  return answer;
}

std::optional<Answer> check_quarantine(const Options& options) {
  if (options.verb != Verb::quarantine) return std::nullopt;
  if (options.action != "list" && options.action != "release")
    return wrong("'quarantine' can do 'list' and 'release', not " + formats::quote(options.action), {}, "quarantine");
  if ((options.action == "release") == options.held_run.empty())
    return wrong(options.held_run.empty() ? "'release' needs the run: USER:PROJECT:ITERATION" : "'list' takes no run", {},
                 "quarantine");
  return std::nullopt;
}

std::string help_of(Parser& parser) {
  const auto chosen = parser.app.get_subcommands();
  return chosen.empty() ? parser.app.help() : chosen.front()->help("baton");
}

}  // namespace

std::variant<Options, Answer> parse_arguments(std::span<const std::string> words) {
  if (auto answer = check_command(words)) return std::move(*answer);
  Parser parser;
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    parser.app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Answer{ExitCode::good, help_of(parser)};
  } catch (const CLI::ParseError& error) {
    const auto chosen = parser.app.get_subcommands();
    const auto* app = chosen.empty() ? &parser.app : chosen.front();
    const auto command = chosen.empty() ? std::string() : app->get_name();
    for (const auto& word : app->remaining())  // `baton run --jbos 4`: the unknown option explains the rest
      if (word.size() > 1 && word[0] == '-') return unknown_option(*app, word, command);
    return wrong(error.what(), {}, command);
  }
  if (parser.print_version) return Options{.verb = Verb::version};
  const auto chosen = parser.app.get_subcommands();
  if (const auto before = parser.app.remaining(); !before.empty()) return left_over(parser.app, before.front(), {});
  if (chosen.empty()) return Answer{ExitCode::bad_input, parser.app.help()};
  const auto left = chosen.front()->remaining();
  if (!left.empty()) return left_over(*chosen.front(), left.front(), chosen.front()->get_name());
  // Not by CLI11, which would take it for the options of all other commands as well, and these write to the same place.
  const auto* server = std::getenv("BATON_SERVER");
  if (parser.options.server.empty() && server != nullptr && parser.options.verb != Verb::version) parser.options.server = server;
  if (auto answer = check_quarantine(parser.options)) return std::move(*answer);
  if (auto answer = check_server(parser.options, chosen.front()->get_name())) return std::move(*answer);
  return std::move(parser.options);
}

}  // namespace baton::cli
