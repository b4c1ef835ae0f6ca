#include "api/documents.hpp"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "core/run_row.hpp"
#include "formats/named.hpp"
#include "formats/nearest.hpp"
#include "formats/pipeline.hpp"

namespace baton::api {
namespace {

namespace fs = std::filesystem;

/// Where paths lead, links followed. Most files of a pipeline share few folders, so those are remembered.
class Folders {
 public:
  explicit Folders(const std::vector<std::string>& data) {
    for (const auto& folder : data)
      if (const auto real = real_path(folder)) allowed_.push_back(*real);
  }
  [[nodiscard]] bool allow(const fs::path& path) {
    const auto real = leads_to(path);
    if (!real) return false;
    for (const auto& folder : allowed_) {
      const auto inside = folder == "/" ? folder : folder + "/";
      if (*real == folder || real->starts_with(inside)) return true;
    }
    return false;
  }

 private:
  /// None: nobody can say (a loop of links, a folder that may not be searched).
  static std::optional<std::string> real_path(const fs::path& path) {
    std::error_code wrong;
    auto real = fs::weakly_canonical(path, wrong).lexically_normal().string();
    if (wrong || real.empty()) return std::nullopt;
    while (real.size() > 1 && real.back() == '/') real.pop_back();
    return real;
  }
  std::optional<std::string> leads_to(const fs::path& path) {
    std::error_code wrong;
    const auto name = path.filename();
    if (name.empty() || name == "." || name == ".." || fs::is_symlink(path, wrong)) return real_path(path);
    const auto folder = path.parent_path().string();
    auto known = known_.find(folder);
    if (known == known_.end()) known = known_.emplace(folder, real_path(folder)).first;
    if (!known->second) return std::nullopt;
    return (fs::path(*known->second) / name).string();
  }

  std::vector<std::string> allowed_;
  std::map<std::string, std::optional<std::string>> known_;
};

std::optional<Error> forbidden(const core::Project& project, const std::vector<std::string>& data) {
  Folders folders(data);
  const auto refuse = [&](const core::Node& node, const core::FileInput& file) -> std::optional<Error> {
    if (folders.allow(file.path)) return std::nullopt;
    const auto& place = node.step->place;
    std::string list;
    for (const auto& folder : data) list += (list.empty() ? "" : ", ") + folder;
    return Error{
        .code = "input.forbidden_path",
        .what = formats::quote(node.step->name) + " reads " + formats::quote(file.path) + ", which this server may not read",
        .where =
            place.line == 0 ? project.file : project.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column),
        .way_out = data.empty() ? "start the server with --data DIR" : "it reads below " + list};
  };
  const core::Step* last = nullptr;
  for (const auto& node : project.nodes) {
    for (const auto& input : node.inputs)
      if (const auto* file = std::get_if<core::FileInput>(&input.source))
        if (auto error = refuse(node, *file)) return error;
    if (node.step.get() == last) continue;
    last = node.step.get();
    for (const auto& script : last->files)
      if (auto error = refuse(node, script)) return error;
  }
  return std::nullopt;
}

Result<Document> parse(const std::string& text, const std::vector<std::string>& data, std::int32_t retries_lost) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("pipeline"))
    return fail(
        {.code = "store.damaged", .what = "the project's document cannot be read", .where = {}, .way_out = "put it again"});
  const auto file = json.value("file", std::string());
  const auto params = json.value("params", nlohmann::json::object());
  auto project = formats::parse_pipeline(
      json.value("pipeline", std::string()),
      {.file = file,
       .base_dir = fs::path(file).parent_path().string(),
       .set = params.is_object() ? params.get<std::map<std::string, std::string>>() : std::map<std::string, std::string>(),
       .retries_lost = retries_lost});
  if (!project) return fail(project.error());
  if (auto error = forbidden(*project, data)) return fail(std::move(*error));
  return Document{.name = json.value("name", std::string()), .project = std::move(*project)};
}

}  // namespace

awaitable<Result<Document>> parse_document(Place& place, std::string json) {
  Result<Document> document;
  co_await place.runtime.blocking(Runtime::Lane::files, [&] { document = parse(json, place.data, place.retries_lost); });
  co_return document;
}

awaitable<Result<Document>> load_document(Place& place, UserId user, ProjectId id) {
  auto stored = co_await place.store.project(id);
  if (!stored) co_return fail(stored.error());
  if (stored->user != user) co_return fail(core::project_not_found(id));
  auto document = co_await parse_document(place, std::move(stored->document));
  if (document) document->name = stored->name;
  co_return document;
}

Result<std::vector<Index>> chosen(const core::Project& project, const std::vector<std::string>& words) {
  std::set<Index> nodes;
  for (const auto& word : words) {
    const auto named = formats::nodes_named(project, word);
    if (!named) return fail(named.error());
    nodes.insert(named->begin(), named->end());
  }
  return std::vector<Index>(nodes.begin(), nodes.end());
}

}  // namespace baton::api
