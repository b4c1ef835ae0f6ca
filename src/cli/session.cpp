#include "cli/session.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "cli/json.hpp"
#include "formats/named.hpp"
#include "formats/nearest.hpp"
#include "formats/pipeline.hpp"
#include "formats/scalars.hpp"
#include "formats/show_error.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t document_bytes_max =
    (std::size_t{16} << 20U) + 1;  // one more than may be parsed, so that the parser sees the excess

std::string absolute(const std::string& path) {
  std::error_code gone;  // the folder that we are in was removed: nothing will be found there
  auto text = fs::absolute(path, gone).lexically_normal().string();
  if (gone) text = path;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

Result<std::string> read_file(const std::string& path, const std::string& shown) {
  std::error_code wrong;
  const auto kind = fs::status(path, wrong).type();
  if (kind == fs::file_type::not_found)
    return fail({.code = "usage.no_file", .what = "there is no file " + formats::quote(shown), .where = {}, .way_out = {}});
  if (kind == fs::file_type::directory)
    return fail({.code = "usage.no_file",
                 .what = formats::quote(shown) + " is a folder",
                 .where = {},
                 .way_out = "name the pipeline file in it: " + (fs::path(shown) / "pipeline.yaml").string()});
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::vector<char> block(64 * 1024);
  while (file && text.size() < document_bytes_max) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.eof() && text.size() < document_bytes_max)
    return fail({.code = "usage.unreadable", .what = formats::quote(shown) + " cannot be read", .where = {}, .way_out = {}});
  return text;
}

/// Its text stays where it is as long as the session does.
Result<std::string_view> read_document(Session& session, const std::string& path, const std::string& shown) {
  const auto known = session.texts.find(shown);
  if (known != session.texts.end()) return known->second;
  auto text = read_file(path, shown);
  if (!text) return fail(text.error());
  return session.texts.emplace(shown, std::move(*text)).first->second;
}

/// Values for parameters, as YAML, by name; and where those of a file stand in it.
struct Given {
  std::map<std::string, std::string> values, places;
};

/// `--params FILE`. (JSON is YAML.)
Result<Given> params_from(Session& session) {
  const auto& path = session.options.params;
  const auto text = read_document(session, absolute(path), path);
  if (!text) return fail(text.error());
  const auto tree = formats::read_yaml(*text, path);
  if (!tree) return fail(tree.error());
  Given given;
  if (tree->root == nullptr) return given;
  formats::Complaints bad(*text, path);
  if (!tree->root->is_object()) {
    formats::complain_of_type(*tree->root, {"params", ""}, "an object of names and values", bad);
  } else {
    for (std::size_t i = 0; i < tree->root->fields(); ++i) {
      const auto name = std::string(tree->root->key(i).text);
      given.values[name] = formats::value_of(tree->root->value(i), bad).json;
      given.places[name] = bad.where(tree->root->key(i).place);
    }
  }
  if (bad.any()) return fail(bad.first());
  return given;
}

Result<Given> values_of(Session& session) {
  const auto& options = session.options;
  Given given;
  if (!options.params.empty()) {
    auto from_file = params_from(session);
    if (!from_file) return fail(from_file.error());
    given = std::move(*from_file);
  }
  for (const auto& word : options.set) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail({.code = "usage.set",
                   .what = "--set " + formats::quote(word) + " has no '='",
                   .where = {},
                   .way_out = "write --set NAME=VALUE"});
    given.values[word.substr(0, equals)] = word.substr(equals + 1);
    given.places.erase(word.substr(0, equals));
  }
  return given;
}

std::optional<double> size_from(std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1.0}};
  double scale = 1;
  for (const auto& [name, bytes] : units)
    if (text.ends_with(name)) {
      text.remove_suffix(name.size());
      scale = bytes;
      break;
    }
  double number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size() || !(number >= 0 && number * scale <= 9007199254740992.0))
    return std::nullopt;
  return number * scale;
}

/// The text that the place of an error is about.
std::string_view document_of(const Session& session, const Error& error) {
  for (const auto& [shown, text] : session.texts)
    if (error.where.starts_with(shown + ":")) return text;
  return {};
}

/// Also what a server finds wrong with a request, or with who makes it.
bool is_ours(const Error& error) {
  return error.code.starts_with("input.") || error.code.starts_with("usage.") || error.code == "api.invalid" ||
         error.code == "auth.refused";
}

}  // namespace

Places places_of(const Options& options) {
  const auto& typed = options.file.empty() ? std::string("pipeline.yaml") : options.file;
  Places places;
  places.file = absolute(typed);
  const auto path = fs::path(places.file);
  places.dir = path.parent_path().string();
  places.name = path.filename().string();
  places.project = ProjectId(places.name);
  places.state = options.state.empty() ? (path.parent_path() / ".baton").string() : absolute(options.state);
  places.out = options.out.empty() ? (path.parent_path() / "baton-out").string() : absolute(options.out);
  return places;
}

Files& files_of(const Session& session) { return session.house.files({session.places.state, session.places.out}); }

Result<Pipeline> load(Session& session) {
  const auto& shown = session.options.file;
  auto given = values_of(session);
  if (!given) return fail(given.error());
  const auto text = read_document(session, session.places.file, shown);
  if (!text) return fail(text.error());
  auto project = formats::parse_pipeline(
      *text, {.file = shown, .base_dir = session.places.dir, .set = given->values, .set_at = std::move(given->places)});
  if (!project) return fail(project.error());
  Pipeline pipeline{.document = *text, .values = std::move(given->values), .project = std::move(*project), .selection = {}};
  std::set<Index> chosen;
  for (const auto& word : session.options.nodes) {
    const auto nodes = formats::nodes_named(pipeline.project, word, pipeline.document);
    if (!nodes) return fail(nodes.error());
    chosen.insert(nodes->begin(), nodes->end());
  }
  pipeline.selection = {.nodes = {chosen.begin(), chosen.end()}, .force = session.options.force};
  return pipeline;
}

Result<std::string> name_of_pipeline(Session& session) {
  auto given = values_of(session);
  if (!given) return fail(given.error());
  const auto shown = session.options.file.empty() ? session.places.name : session.options.file;
  const auto text = read_document(session, session.places.file, shown);
  if (!text) return fail(text.error());
  auto project = formats::parse_pipeline(
      *text,
      {.file = shown, .base_dir = session.places.dir, .set = std::move(given->values), .set_at = std::move(given->places)});
  if (!project) return fail(project.error());
  return std::move(project->name);
}

Result<core::Resources> resources_from(std::string_view text) {
  core::Resources resources;
  while (!text.empty()) {
    const auto end = text.find(',');
    const auto item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto equals = item.find('=');
    const auto amount = equals == std::string_view::npos ? std::nullopt : size_from(item.substr(equals + 1));
    if (!amount || equals == 0)
      return fail({.code = "usage.resources",
                   .what = "--resources: " + formats::quote(item) + " is not NAME=AMOUNT",
                   .where = {},
                   .way_out = "for example --resources cpu=8,ram=16GiB,license-x=2"});
    resources[std::string(item.substr(0, equals))] = *amount;
  }
  return resources;
}

ExitCode tell(const Session& session, const Error& error) {
  if (session.options.json) session.terminal.data(error_json(error));
  if (error.code.starts_with("input.")) {
    const auto document = document_of(session, error);
    session.terminal.talk(formats::show({.code = error.code,
                                         .what = printable(error.what),
                                         .where = printable_name(error.where),
                                         .way_out = printable(error.way_out)},
                                        document));
    return ExitCode::bad_input;
  }
  std::string text = "error: " + printable(error.what) + "\n";
  if (!error.where.empty()) text += "  " + printable(error.where) + "\n";
  if (!error.way_out.empty()) text += "  " + printable(error.way_out) + "\n";
  session.terminal.talk(text + "  [" + error.code + "]\n");
  return is_ours(error) ? ExitCode::bad_input : ExitCode::surroundings;
}

}  // namespace baton::cli
