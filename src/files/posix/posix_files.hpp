/// The files of this host. Looks inline (a stat costs a microsecond), reads small files inline, and hashes the rest on Lane::files with as
/// many threads as there are processors.
#pragma once

#include "ports/files.hpp"

namespace baton {

class PosixFiles final : public Files {
 public:
  explicit PosixFiles(Runtime& runtime) : runtime_(runtime) {}
  awaitable<std::vector<Result<core::Stamp>>> look(std::vector<FileQuery> queries) override;

 private:
  Runtime& runtime_;
};

}  // namespace baton
