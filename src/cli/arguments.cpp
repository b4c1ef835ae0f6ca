#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

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
            "\n"
            "After a kill, the same command goes on where it stopped. Ctrl-C stops the jobs and ends; twice kills them.\n"
            "Exit code: 0 all succeeded or up to date, 1 a task failed, 2 bad usage or input, 3 cancelled, 4 the surroundings "
            "failed."},
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
            "  baton cancel pipeline.yaml"},
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
        "A pipeline is described in a YAML file; its state is kept in .baton/ and its results in baton-out/, both beside it.\n");
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
    add_file(*sub, command.verb);
    if (command.verb != Verb::run) add_state(*sub);
    if (command.verb == Verb::run) add_run(*sub);
    if (command.verb == Verb::run || command.verb == Verb::plan) add_selection(*sub);
    if (command.verb == Verb::plan || command.verb == Verb::why) add_values(*sub);
    if (command.verb == Verb::history)
      sub->add_option("-n,--newest", options.newest, "How many runs to list (default: 20)")
          ->check(CLI::Range(1U, 100'000U).description(""))
          ->type_name("N");
    if (command.verb == Verb::logs) sub->add_flag("-f,--follow", options.follow, "Print on until the task has ended");
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
    sub.add_option("--out", options.out, "Where results go (default: baton-out beside FILE)")->type_name("DIR");
  }
};

Answer wrong(std::string what, std::string_view way_out, std::string_view command = {}) {
  std::string text = "error: " + std::move(what) + "\n";
  if (!way_out.empty()) text.append("  ").append(way_out).append("\n");
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
  return std::move(parser.options);
}

}  // namespace baton::cli
