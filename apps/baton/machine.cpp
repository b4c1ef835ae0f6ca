#include "machine.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace baton {
namespace {

namespace fs = std::filesystem;

std::optional<double> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  double number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);  // `max` is no number: no limit
  return wrong == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// The strictest limit on the way from this process's cgroup to the root.
std::optional<double> cgroup_ram() {
  std::ifstream file("/proc/self/cgroup");
  std::optional<double> strictest;
  for (std::string line; std::getline(file, line);) {
    const bool unified = line.starts_with("0::");
    const auto memory = line.find(":memory:");
    if (!unified && memory == std::string::npos) continue;
    const fs::path root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const auto* name = unified ? "memory.max" : "memory.limit_in_bytes";
    for (fs::path inside = unified ? line.substr(3) : line.substr(memory + 8);; inside = inside.parent_path()) {
      if (const auto limit = number_in((root / inside.relative_path() / name).string()))
        strictest = std::min(strictest.value_or(*limit), *limit);
      if (inside == inside.parent_path()) break;
    }
  }
  return strictest;
}

double gpus() {
  std::error_code wrong;
  double count = 0;
  for (const auto& entry : fs::directory_iterator("/dev", wrong)) {
    const auto name = entry.path().filename().string();
    const bool numbered = name.size() > 6 && name.starts_with("nvidia") &&
                          std::all_of(name.begin() + 6, name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (numbered) ++count;
  }
  return count;
}

}  // namespace

std::uint32_t cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
  return static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));  // more than 1024 of them
}

core::Resources ram_and_gpus() {
  auto ram = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (const auto limit = cgroup_ram()) ram = std::min(ram, *limit);
  return {{"ram", ram}, {"gpu", gpus()}};
}

std::string host_name() {
  std::string name(256, '\0');
  if (::gethostname(name.data(), name.size() - 1) != 0) return "host";
  name.resize(name.find('\0'));
  return name;
}

}  // namespace baton
