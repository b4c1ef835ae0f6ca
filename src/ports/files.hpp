/// The user's files, to be read only: what is there, and what is in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"
#include "ports/runtime.hpp"

namespace baton {

struct FileQuery {
  std::string path;  ///< absolute
  bool directory = false;
  bool by_stat = false;  ///< the digest is over size and mtime, nothing is read
  /// What was known of it. Same `stat` and settled: its digest is taken over, nothing is read.
  std::optional<core::Stamp> known;
};

class Files {
 public:
  virtual ~Files() = default;
  /// Looks up each query, in order; several at once are read in parallel. Errors, each by its own query: input.missing (with the path),
  /// input.not_a_file, input.not_a_folder, input.unreadable.
  virtual awaitable<std::vector<Result<core::Stamp>>> look(std::vector<FileQuery> queries) = 0;
};

}  // namespace baton
