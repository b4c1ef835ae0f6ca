#include "arguments.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "formats/yaml_tree.hpp"

namespace baton::serve {
namespace {

constexpr const char* serve_help = R"help(usage: baton serve [options]

A replica: takes runs from the shared queue, schedules them, and answers HTTP on the loopback. Any number of them share the load.

  --listen HOST:PORT    address of the HTTP interface (127.0.0.1:8000); port 0 takes a free one
  --data DIR            files below it may be read; results are in DIR/baton-out of the first one (may be repeated)
  --local-backend       run steps as processes of this host (one tenant); also BATON_LOCAL_BACKEND=1
  --state DIR           state directory of local jobs (.baton in the first data folder)
  --jobs N              local jobs at a time (as many as there are CPUs)
  --log-format text|json
  --config FILE         settings as `NAME: value`, YAML
  --print-config        show what holds and where it came from, and end

The servers are told by the environment: POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB; RABBIT_HOST, …; REDIS_HOST, …. All settings, with their
meaning: baton serve --print-config.

example:
  scripts/services start && eval "$(scripts/services env)"
  baton serve --listen 127.0.0.1:8000 --local-backend --data "$PWD"
)help";

constexpr const char* migrate_help = R"help(usage: baton migrate [--check] [--config FILE]

Brings the tables of the database to what this version knows. Only adds: replicas of the version before go on working.

  --check    say what is missing and change nothing; ends with 1 where something is
)help";

Result<std::map<std::string, std::string>> read_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return fail({.code = "settings.no_file", .what = "the file of settings cannot be read", .where = path, .way_out = {}});
  const auto document = text.str();
  const auto tree = formats::read_yaml(document, path);
  if (!tree) return fail(tree.error());
  std::map<std::string, std::string> values;
  if (tree->root == nullptr) return values;
  if (!tree->root->is_object())
    return fail({.code = "settings.bad_value", .what = "it is not a list of `NAME: value`", .where = path, .way_out = {}});
  for (std::size_t i = 0; i < tree->root->fields(); ++i) {
    const auto& value = tree->root->value(i);
    if (!value.is_scalar())
      return fail({.code = "settings.bad_value",
                   .what = std::string(tree->root->key(i).text) + " is no single value",
                   .where = path + ':' + std::to_string(value.place.line),
                   .way_out = {}});
    values[std::string(tree->root->key(i).text)] = value.text;
  }
  return values;
}

Answer wrong(const std::string& what) { return {.code = 2, .text = "error: " + what + "\n  see baton serve --help\n"}; }

const settings::Setting* flag_named(std::string_view word) {
  for (const auto& setting : settings::all())
    if (!setting.flag.empty() && setting.flag == word) return &setting;
  return nullptr;
}

}  // namespace

std::variant<Options, Answer> parse_arguments(std::span<const std::string> words) {
  Options options;
  options.verb = !words.empty() && words[0] == "migrate" ? Verb::migrate : Verb::serve;
  options.sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  for (char** variable = environ; *variable != nullptr; ++variable)
    options.sources.environment_names.emplace_back(*variable, std::strcspn(*variable, "="));
  std::string config;
  for (std::size_t i = 1; i < words.size(); ++i) {
    auto word = words[i];
    std::optional<std::string> value;
    if (const auto equals = word.find('='); word.starts_with("--") && equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    const auto take = [&]() -> bool {
      if (!value && i + 1 < words.size()) value = words[++i];
      return value.has_value();
    };
    if (word == "--help" || word == "-h") return Answer{.text = options.verb == Verb::serve ? serve_help : migrate_help};
    if (word == "--check" && options.verb == Verb::migrate) {
      options.check = true;
    } else if (word == "--print-config" && options.verb == Verb::serve) {
      options.print_config = true;
    } else if (word == "--config") {
      if (!take()) return wrong("--config needs a file");
      config = *value;
    } else if (const auto* setting = flag_named(word); setting != nullptr && options.verb == Verb::serve) {
      if (setting->kind == settings::Kind::truth && !value) value = "1";
      if (!take()) return wrong(word + " needs a value");
      auto& stored = options.sources.flags[std::string(setting->name)];
      stored = setting->kind == settings::Kind::paths && !stored.empty() ? stored + ':' + *value : *value;
    } else {
      return wrong("there is no option '" + word + "'");
    }
  }
  if (!config.empty()) {
    auto values = read_config(config);
    if (!values) return wrong(values.error().what + " (" + values.error().where + ")");
    options.sources.file = std::move(*values);
    options.sources.file_name = config;
  }
  return options;
}

}  // namespace baton::serve
