/// Who works in a state directory: a POSIX record lock on `lock` in it, so that the kernel knows the holder's pid, and frees it with the
/// process, however that ends. Jobs and their keeper do not inherit it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/house.hpp"
#include "core/result.hpp"

namespace baton {

class StateLock {
 public:
  /// Takes the lock and writes the project's name into it. Errors: state.held · state.unusable.
  static Result<std::unique_ptr<StateLock>> take(const std::string& dir, const std::string& project);
  ~StateLock();
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

  /// Must not be asked by the holder itself: closing the file again would free its lock.
  static std::optional<cli::Holder> holder(const std::string& dir);

 private:
  explicit StateLock(int file) : file_(file) {}
  int file_;
};

}  // namespace baton
