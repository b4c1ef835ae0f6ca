#include "files/memory/memory_files.hpp"

#include "core/key.hpp"

namespace baton {
namespace {

constexpr core::Duration settled_after = std::chrono::seconds(2);

std::string size_and_time(const std::string& content, core::Duration changed) {
  return std::to_string(content.size()) + ":" + std::to_string(changed.count());
}

tl::unexpected<Error> wrong(const char* code, const std::string& path, const char* what) {
  return fail({.code = code, .what = "'" + path + "' " + what, .where = path});
}

}  // namespace

awaitable<std::vector<Result<core::Stamp>>> MemoryFiles::look(std::vector<FileQuery> queries) {
  std::vector<Result<core::Stamp>> answers;
  for (const auto& query : queries) answers.push_back(look(query));
  co_return answers;
}

Result<core::Stamp> MemoryFiles::look(const FileQuery& query) {
  const auto file = files_.find(query.path);
  const bool folder = is_folder(query.path);
  if (file == files_.end() && !folder) return wrong("input.missing", query.path, "does not exist");
  if (query.directory && !folder) return wrong("input.not_a_folder", query.path, "is not a folder");
  if (!query.directory && folder) return wrong("input.not_a_file", query.path, "is not a plain file");
  return folder ? look_at_folder(query) : look_at_file(query, file->second);
}

Result<core::Stamp> MemoryFiles::look_at_file(const FileQuery& query, const File& file) {
  core::Stamp stamp{.path = query.path, .stat = size_and_time(file.content, file.changed) + ":" + std::to_string(file.inode)};
  if (query.known && query.known->settled && query.known->stat == stamp.stat) return *query.known;
  if (query.by_stat) {
    stamp.digest = core::sha256(size_and_time(file.content, file.changed));
    return stamp;
  }
  if (file.forbidden) return wrong("input.unreadable", query.path, "cannot be read");
  ++reads_;
  stamp.digest = core::sha256(file.content);
  stamp.settled = file.content.empty() || now_ - file.changed >= settled_after;
  return stamp;
}

Result<core::Stamp> MemoryFiles::look_at_folder(const FileQuery& query) {
  core::Stamp stamp{.path = query.path};
  std::string content;
  const auto below = query.path + "/";
  for (const auto& name : folders_)
    if (name.starts_with(below)) content += name.substr(below.size()) + "/\n";
  for (auto at = files_.lower_bound(below); at != files_.end() && at->first.starts_with(below); ++at) {
    const auto file = look_at_file({.path = at->first, .by_stat = query.by_stat, .known = {}}, at->second);
    if (!file) return file;
    stamp.stat += at->first + "=" + file->stat + "\n";
    content += at->first.substr(below.size()) + "=" + file->digest + "\n";
    stamp.settled = stamp.settled && file->settled;
  }
  stamp.stat = core::sha256(stamp.stat + content);
  if (query.known && query.known->settled && query.known->stat == stamp.stat) return *query.known;
  stamp.digest = core::sha256(content);
  return stamp;
}

bool MemoryFiles::is_folder(const std::string& path) const {
  const auto below = path + "/";
  const auto file = files_.lower_bound(below);
  const auto folder = folders_.lower_bound(below);
  return folders_.contains(path) || (file != files_.end() && file->first.starts_with(below)) ||
         (folder != folders_.end() && folder->starts_with(below));
}

void MemoryFiles::write(const std::string& path, std::string content) {
  auto& file = files_[path];
  if (file.inode == 0) file.inode = ++last_inode_;
  file.content = std::move(content);
  file.changed = now_;
}
void MemoryFiles::touch(const std::string& path) { files_.at(path).changed = now_; }
void MemoryFiles::make_folder(const std::string& path) { folders_.insert(path); }
void MemoryFiles::forbid(const std::string& path) { files_.at(path).forbidden = true; }
void MemoryFiles::remove(const std::string& path) {
  const auto gone = [&](const std::string& name) { return name == path || name.starts_with(path + "/"); };
  std::erase_if(files_, [&](const auto& entry) { return gone(entry.first); });
  std::erase_if(folders_, gone);
}

}  // namespace baton
