/// Projects as they were put, read back as data.
#pragma once

#include <string>
#include <vector>

#include "api/service.hpp"
#include "core/plan.hpp"

namespace baton::api {

/// A project that may be planned: parsed, and all it reads is below the folders of --data.
struct Document {
  std::string name;  ///< as put
  core::Project project;
};

/// Parses what PUT keeps: JSON with `pipeline`, `file`, `params`. Links in paths are followed. Errors: input.* (input.forbidden_path: a file
/// outside of `data`).
awaitable<Result<Document>> parse_document(Place& place, std::string json);
/// Of the store. Another user's is not there. Errors: store.not_found and as above.
awaitable<Result<Document>> load_document(Place& place, UserId user, ProjectId id);

/// Nodes that words name, each once. Errors: usage.unknown_node.
[[nodiscard]] Result<std::vector<Index>> chosen(const core::Project& project, const std::vector<std::string>& words);

}  // namespace baton::api
