#include "backend/local/publish.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "backend/local/processes.hpp"

namespace baton::local {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> trouble(const Publication& publication, const std::string& why,
                              std::string way_out = "make room for, and allow writing to, that folder, and run it again") {
  return fail({.code = "runtime.publish",
               .what = "the outputs cannot be put into '" + publication.target + "': " + why,
               .where = publication.work,
               .way_out = std::move(way_out)});
}

std::uint64_t inode_of(const std::string& path) {
  struct stat seen{};
  return ::lstat(path.c_str(), &seen) == 0 && S_ISDIR(seen.st_mode) ? seen.st_ino : 0;
}

/// What was published across file systems: the inode of the folder in its place.
std::string note_of(const std::string& work) { return work + ".published"; }

std::uint64_t noted_inode(const std::string& work) {
  std::uint64_t inode = 0;
  std::ifstream(note_of(work)) >> inode;
  return inode;
}

/// Removes all below `folder` that is neither published nor leads to it. @param prefix  of `folder` within the work directory
bool keep_only(const std::string& folder, const std::string& prefix, const std::set<std::string>& names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
  if (!listing) return false;
  bool good = true;
  while (const auto* item = ::readdir(listing.get())) {
    const std::string name = item->d_name;
    if (name == "." || name == "..") continue;
    const auto path = prefix + name;
    if (names.contains(path)) continue;
    const auto below = names.lower_bound(path + "/");
    const bool leads = below != names.end() && below->starts_with(path + "/");
    good = (leads ? keep_only(folder + "/" + name, path + "/", names) : remove_tree(folder + "/" + name)) && good;
  }
  return good;
}

/// Moves `from` to `to`, whatever is there; that is at `from` afterwards, or gone. False: errno says why.
bool move_or_exchange(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == ENOENT) {
    const auto parent = to.substr(0, to.rfind('/'));
    if (!make_folders(parent)) return false;
    if (::rename(from.c_str(), to.c_str()) == 0) return true;
  }
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) return false;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // A file system without exchange: for a moment there is neither the old nor the new.
  const auto aside = to + ".baton-old";
  remove_tree(aside);
  if (::rename(to.c_str(), aside.c_str()) != 0) return false;
  const bool moved = ::rename(from.c_str(), to.c_str()) == 0;
  const int error = errno;
  if (moved)
    remove_tree(aside);
  else
    ::rename(aside.c_str(), to.c_str());
  errno = error;
  return moved;
}

/// The link is there, or what it leads to: never neither.
bool resolve_link(const std::string& path) {
  const auto copy = path + ".baton-copy";
  remove_tree(copy);  // of one that was killed
  std::error_code error;
  const auto from = fs::canonical(path, error);
  if (!error) fs::copy(from, copy, fs::copy_options::recursive, error);
  if (error) {
    remove_tree(copy);
    return false;
  }
  return move_or_exchange(copy, path) && remove_tree(copy);
}

bool sync_tree(const std::string& root) {
  bool good = true;
  const auto sync = [&good](const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    good = file >= 0 && ::fsync(file) == 0 && good;
    if (file >= 0) ::close(file);
  };
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error))
    if (entry.is_regular_file(error) && !entry.is_symlink(error)) sync(entry.path());
  sync(root);
  return good && !error;
}

Result<void> publish_across(const Publication& publication) {
  const auto slash = publication.target.rfind('/');
  const auto staging = publication.target.substr(0, slash + 1) + ".baton-new-" + publication.target.substr(slash + 1);
  remove_tree(staging);
  if (!make_folders(publication.target.substr(0, slash))) return trouble(publication, std::strerror(errno));
  std::error_code error;
  fs::copy(publication.work, staging, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return trouble(publication, error.message());
  if (!sync_tree(staging)) return trouble(publication, std::strerror(errno));
  // The note comes before the move: it names what will be there. Without the move it proves nothing.
  std::ofstream note(note_of(publication.work));
  note << inode_of(staging) << '\n';
  note.close();
  if (!note) return trouble(publication, "the note beside the work directory cannot be written");
  if (!move_or_exchange(staging, publication.target)) return trouble(publication, std::strerror(errno));
  remove_tree(staging);
  remove_tree(publication.work);
  return {};
}

/// Before anything is removed from the work directory: whether its new place can be had.
Result<void> prepare_place(const Publication& publication) {
  const auto parent = publication.target.substr(0, publication.target.rfind('/'));
  if (make_folders(parent) && ::access(parent.c_str(), W_OK | X_OK) == 0) return {};
  if (errno == ENOTDIR)
    return trouble(publication, "there is a file where a folder has to be",
                   "move away the file that is '" + parent + "' or one of the folders above it, and run it again");
  return trouble(publication, std::strerror(errno));
}

}  // namespace

bool resolve_links(const Publication& publication) {
  bool good = true;
  for (const auto& name : publication.names) {
    const auto path = publication.work + "/" + name;
    std::error_code error;
    if (fs::is_symlink(path, error)) good = resolve_link(path) && good;
  }
  return good;
}

bool is_published(const Publication& publication) {
  const auto there = inode_of(publication.target);
  if (there == 0) return false;
  if (publication.inode != 0 && there == publication.inode && inode_of(publication.work) != publication.inode) return true;
  return there == noted_inode(publication.work);
}

Result<void> publish(const Publication& publication) {
  if (is_published(publication)) {
    remove_tree(publication.work);  // what was in its place before
    return {};
  }
  if (auto place = prepare_place(publication); !place) return place;
  if (!resolve_links(publication)) return trouble(publication, "a link among them leads nowhere");
  const std::set<std::string> names(publication.names.begin(), publication.names.end());
  if (!keep_only(publication.work, "", names)) return trouble(publication, std::strerror(errno));
  if (move_or_exchange(publication.work, publication.target)) {
    remove_tree(publication.work);
    return {};
  }
  if (errno == EXDEV) return publish_across(publication);
  return trouble(publication, std::strerror(errno));
}

void forget_publication(const std::string& work) { ::unlink(note_of(work).c_str()); }

}  // namespace baton::local
