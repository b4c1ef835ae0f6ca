/// The files of this host. Looks inline (a stat costs a microsecond), reads small files inline, and hashes the rest on Lane::files with as
/// many threads as there are processors.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ports/files.hpp"

namespace baton {

class PosixFiles final : public Files {
 public:
  explicit PosixFiles(Runtime& runtime) : runtime_(runtime) {}
  /// From now on these folders are no part of a directory that they lie in: what Baton itself writes there is nobody's input.
  void leave_out(std::vector<std::string> folders) { left_out_ = std::move(folders); }
  awaitable<std::vector<Result<core::Stamp>>> look(std::vector<FileQuery> queries) override;

 private:
  Runtime& runtime_;
  std::vector<std::string> left_out_;
};

}  // namespace baton
