/// Whose turn it is: among all that share a state directory, processes and threads, at most one collects a job's end at a time.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace baton::local {

/// Held until it is destroyed, or its process dies, however.
class Turn {
 public:
  /// Never waits. Nothing: another one has it. Where the file system has no locks, it is had by all.
  [[nodiscard]] static std::optional<Turn> take(const std::string& state, const std::string& job);

  ~Turn();
  Turn(Turn&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Turn& operator=(Turn&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }

 private:
  explicit Turn(int file) : file_(file) {}
  int file_;
};

}  // namespace baton::local
