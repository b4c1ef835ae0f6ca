/// Files in memory, with a clock that the test moves. Paths are absolute and plain; a folder is what has something below it, or was made.
#pragma once

#include <map>
#include <set>
#include <string>

#include "ports/files.hpp"

namespace baton {

class MemoryFiles final : public Files {
 public:
  awaitable<std::vector<Result<core::Stamp>>> look(std::vector<FileQuery> queries) override;

  /// What a user does.
  void write(const std::string& path, std::string content);
  void touch(const std::string& path);
  void make_folder(const std::string& path);
  void remove(const std::string& path);  ///< with all below it
  /// Nobody may read it, though it can be seen.
  void forbid(const std::string& path);

  void advance(core::Duration time) { now_ += time; }
  /// Files whose content was read so far: what is known and settled is not.
  [[nodiscard]] std::size_t reads() const { return reads_; }

 private:
  struct File {
    std::string content;
    core::Duration changed{};
    std::uint64_t inode = 0;
    bool forbidden = false;
  };
  [[nodiscard]] Result<core::Stamp> look(const FileQuery& query);
  [[nodiscard]] bool is_folder(const std::string& path) const;
  [[nodiscard]] Result<core::Stamp> look_at_file(const FileQuery& query, const File& file);
  [[nodiscard]] Result<core::Stamp> look_at_folder(const FileQuery& query);

  std::map<std::string, File> files_;
  std::set<std::string> folders_;  ///< made by make_folder
  core::Duration now_ = std::chrono::hours(1);
  std::uint64_t last_inode_ = 0;
  std::size_t reads_ = 0;
};

}  // namespace baton
