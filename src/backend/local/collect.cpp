#include "backend/local/collect.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "backend/local/processes.hpp"
#include "backend/local/publish.hpp"
#include "files/posix/stamp.hpp"

namespace baton::local {
namespace {

using nlohmann::json;

constexpr std::uint64_t quick_bytes_max = 128 * 1024;
constexpr std::size_t quick_stamps_max = 64;
constexpr int value_depth_max = 100;
constexpr std::uint64_t values_bytes_max = 64u << 20;  // of the whole file that BATON_OUTPUTS names

core::Instant instant(std::int64_t us) { return core::Instant(core::Duration(us)); }

std::string duration_text(std::int64_t us) {
  if (us % 1'000'000 == 0) return std::to_string(us / 1'000'000) + " s";
  return std::to_string(us / 1000) + " ms";
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(number);
}

// ---- an end that is not good --------------------------------------------------------------------------------------------------
struct Failure {
  core::EndKind kind;
  Error error;
};

/// A string `run` is one word to the kernel, which takes 32 pages of it (MAX_ARG_STRLEN).
Failure too_long(const Ticket& ticket) {
  return {
      core::EndKind::spawn,
      {.code = "runtime.spawn",
       .what = "the command could not be started: with its values put in it is longer than the system takes (one word, or one "
               "variable of `env`: 128 KiB; all together: a quarter of the stack's limit, usually 2 MiB)",
       .where = ticket.node,
       .way_out =
           "read a long list of inputs from the file $BATON_INPUTS; put a long script into a file of its own, named in `files`"}};
}

Failure failure_of(const Ticket& ticket, const Report& report) {
  const auto log = ticket.log();
  const auto look = "look at the log: " + log;
  using core::EndKind;
  switch (report.reason) {
    case Reason::spawn:
      if (report.code == E2BIG) return too_long(ticket);
      return {EndKind::spawn,
              {.code = "runtime.spawn",
               .what = std::string("the command could not be started: ") + std::strerror(report.code),
               .where = ticket.node,
               .way_out = "is it installed, executable, and its first word right?"}};
    case Reason::timeout:
      return {EndKind::timeout,
              {.code = "runtime.timeout",
               .what = "it ran longer than its limit of " + duration_text(ticket.run_us),
               .where = ticket.node,
               .way_out = "raise `timeout`, or " + look}};
    case Reason::silence:
      return {EndKind::silence,
              {.code = "runtime.silence",
               .what = "it wrote nothing for " + duration_text(ticket.silence_us),
               .where = ticket.node,
               .way_out = "raise `timeout: {silence: …}`, or " + look}};
    case Reason::oom:
      return {EndKind::oom,
              {.code = "runtime.oom",
               .what = "it was killed while the kernel was short of memory",
               .where = ticket.node,
               .way_out = "give it more memory, or run fewer at a time"}};
    case Reason::cancelled:
      return {EndKind::cancelled, {.code = "runtime.cancelled", .what = "it was stopped", .where = ticket.node}};
    case Reason::none: break;
  }
  if (report.signal != 0)
    return {EndKind::signal,
            {.code = "runtime.signal",
             .what = "it was ended by " + signal_name(report.signal),
             .where = ticket.node,
             .way_out = look}};
  return {EndKind::exit,
          {.code = "runtime.exit",
           .what = "it ended with exit code " + std::to_string(report.code),
           .where = ticket.node,
           .way_out = look}};
}

Failure bad_output(Error error) { return {core::EndKind::output, std::move(error)}; }

Failure missing(const core::Output& output, const std::string& node) {
  return bad_output({.code = "runtime.output_missing",
                     .what = "output '" + output.port + "' was not made: there is no " +
                             (output.kind == core::OutputKind::directory ? "folder '" : "file '") + output.name + "'",
                     .where = node,
                     .way_out = "write it to the path that ${outputs." + output.port + "} gives"});
}

// ---- values ---------------------------------------------------------------------------------------------------------------------
bool has_kind(const json& value, core::OutputKind kind) {
  switch (kind) {
    case core::OutputKind::number: return value.is_number();
    case core::OutputKind::integer: return value.is_number_integer();
    case core::OutputKind::string: return value.is_string();
    case core::OutputKind::boolean: return value.is_boolean();
    default: return true;
  }
}

std::string_view name_of(core::OutputKind kind) {
  switch (kind) {
    case core::OutputKind::number: return "a number";
    case core::OutputKind::integer: return "an integer";
    case core::OutputKind::string: return "a string";
    case core::OutputKind::boolean: return "a boolean";
    default: return "JSON";
  }
}

struct TooDeep {};

tl::expected<json, Failure> read_values(const Ticket& ticket) {
  const auto path = ticket.outputs_file();
  const auto broken = [&](const std::string& what) {
    return tl::unexpected(bad_output({.code = "runtime.output_type",
                                      .what = "the file of $BATON_OUTPUTS " + what,
                                      .where = path,
                                      .way_out = "write one JSON object to it: port -> value"}));
  };
  struct stat seen{};
  if (::stat(path.c_str(), &seen) != 0) return json::object();
  if (static_cast<std::uint64_t>(seen.st_size) > values_bytes_max) return broken("is larger than 64 MiB");
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file && !file.eof()) return broken("cannot be read");
  try {
    auto values = json::parse(text, [](int depth, json::parse_event_t, json&) {
      if (depth > value_depth_max) throw TooDeep{};
      return true;
    });
    if (!values.is_object()) return broken("holds no JSON object");
    return values;
  } catch (const json::exception& error) {
    return broken(std::string("is no JSON: ") + error.what());
  } catch (const TooDeep&) {
    return broken("is nested deeper than " + std::to_string(value_depth_max));
  }
}

tl::expected<core::Value, Failure> value_of(const core::Output& output, const json& values, const std::string& node) {
  const auto found = values.find(output.port);
  if (found == values.end())
    return tl::unexpected(bad_output({.code = "runtime.output_missing",
                                      .what = "output '" + output.port + "' has no value",
                                      .where = node,
                                      .way_out = "write {\"" + output.port + "\": …} to the file that $BATON_OUTPUTS names"}));
  auto text = found->dump(-1, ' ', false);
  if (text.size() > value_bytes_max)
    return tl::unexpected(bad_output({.code = "runtime.output_too_big",
                                      .what = "output '" + output.port + "' is larger than 1 MiB",
                                      .where = node,
                                      .way_out = "make it a file"}));
  if (!has_kind(*found, output.kind))
    return tl::unexpected(bad_output({.code = "runtime.output_type",
                                      .what = "output '" + output.port + "' is declared as " + std::string(name_of(output.kind)) +
                                              ", but is " + text.substr(0, 80),
                                      .where = node,
                                      .way_out = "change the declaration or what the step writes"}));
  return core::Value{std::move(text)};
}

// ---- paths ----------------------------------------------------------------------------------------------------------------------
std::vector<std::string> published_names(const Ticket& ticket) {
  std::vector<std::string> names;
  for (const auto& output : ticket.outputs)
    if (core::is_path(output.kind)) names.push_back(output.name);
  return names;
}

tl::expected<core::Stamp, Failure> stamp_of(const core::Output& output, const std::string& folder, const std::string& node) {
  const posix::Wanted wanted{
      .path = folder + "/" + output.name, .directory = output.kind == core::OutputKind::directory, .by_stat = output.by_stat};
  auto stamp = posix::stamp(wanted);
  if (stamp) return std::move(*stamp);
  if (stamp.error().code == "input.missing") return tl::unexpected(missing(output, node));
  const bool other = stamp.error().code != "input.unreadable";
  return tl::unexpected(bad_output({.code = other ? "runtime.output_type" : "runtime.output_unreadable",
                                    .what = "output '" + output.port + "': " + stamp.error().what,
                                    .where = node}));
}

/// All that the job made, stamped where it lies, in the order of the outputs.
tl::expected<core::Products, Failure> products_in(const Ticket& ticket, const std::string& folder) {
  core::Products products;
  json values;
  if (!std::ranges::all_of(ticket.outputs, [](const auto& output) { return core::is_path(output.kind); })) {
    auto read = read_values(ticket);
    if (!read) return tl::unexpected(read.error());
    values = std::move(*read);
  }
  for (const auto& output : ticket.outputs) {
    if (core::is_path(output.kind)) {
      auto stamp = stamp_of(output, folder, ticket.node);
      if (!stamp) return tl::unexpected(stamp.error());
      products.push_back({output.port, std::move(*stamp)});
    } else {
      auto value = value_of(output, values, ticket.node);
      if (!value) return tl::unexpected(value.error());
      products.push_back({output.port, std::move(*value)});
    }
  }
  return products;
}

/// A move changes the times of what is moved itself: of a folder's own entry where it was copied, never its content.
void move_stamps(core::Products& products, const Ticket& ticket, const std::string& target, bool moved_whole) {
  for (std::size_t i = 0; i < products.size(); ++i) {
    auto* stamp = std::get_if<core::Stamp>(&products[i].content);
    if (stamp == nullptr) continue;
    const auto& output = ticket.outputs[i];
    stamp->path = target + "/" + output.name;
    if (moved_whole) continue;
    const auto seen =
        posix::glance({.path = stamp->path, .directory = output.kind == core::OutputKind::directory, .by_stat = output.by_stat});
    if (seen) stamp->stat = seen->stat;
    if (seen && output.by_stat) stamp->digest = seen->digest;
  }
}

tl::expected<core::Products, Failure> publish_products(const Ticket& ticket, const Report& report) {
  const auto names = published_names(ticket);
  if (names.empty()) {
    auto products = products_in(ticket, ticket.work);
    if (products) remove_tree(ticket.work);
    return products;
  }
  const Publication publication{.work = ticket.work, .inode = report.inode, .target = ticket.folder, .names = names};
  const bool before = is_published(publication);
  if (!before) resolve_links(publication);  // what is stamped is what is published
  auto products = products_in(ticket, before ? publication.target : ticket.work);
  if (!products) return products;
  const auto done = publish(publication);
  if (!done) return tl::unexpected(bad_output(done.error()));
  struct stat there{};
  const bool moved_whole = report.inode != 0 && ::stat(publication.target.c_str(), &there) == 0 && there.st_ino == report.inode;
  move_stamps(*products, ticket, publication.target, moved_whole);
  return products;
}

std::vector<std::string> moved_inputs(const std::vector<core::Stamp>& stamps, const std::vector<std::string>& own) {
  std::vector<std::string> moved;
  for (const auto& stamp : stamps) {
    struct stat seen{};
    const bool directory = ::stat(stamp.path.c_str(), &seen) == 0 && S_ISDIR(seen.st_mode);
    posix::Wanted wanted{.path = stamp.path, .directory = directory};
    if (directory) wanted.without = own;
    const auto now = posix::glance(wanted);
    if (!now || now->stat != stamp.stat) moved.push_back(stamp.path);
  }
  return moved;
}

}  // namespace

bool is_quick(const Ticket& ticket, const Report& report) {
  struct stat seen{};
  if (ticket.stamps.size() > quick_stamps_max) return false;
  if (::stat(ticket.log().c_str(), &seen) == 0 && static_cast<std::uint64_t>(seen.st_size) > log_bytes_max) return false;
  if (report.code != 0 || ticket.simulated) return true;
  std::uint64_t bytes = 0;
  for (const auto& output : ticket.outputs) {
    if (output.kind == core::OutputKind::directory) return false;
    if (!core::is_path(output.kind) || output.by_stat) continue;
    const auto there = [&](const std::string& folder) { return ::stat((folder + "/" + output.name).c_str(), &seen) == 0; };
    if (there(ticket.work) || there(ticket.folder))  // published already, by a Baton that was killed or by another replica
      bytes += static_cast<std::uint64_t>(seen.st_size);
  }
  return bytes <= quick_bytes_max;
}

core::JobEnd collect(const Ticket& ticket, const Report& report, const std::vector<std::string>& own) {
  core::JobEnd end{.started = instant(report.started_us), .ended = instant(report.ended_us), .log = ticket.log()};
  if (report.reason != Reason::spawn) end.exit_code = report.code;
  cut_log(end.log);
  if (report.code != 0 || report.reason != Reason::none) {
    auto failure = failure_of(ticket, report);
    end.kind = failure.kind;
    end.error = std::move(failure.error);
    return end;
  }
  if (ticket.simulated) {
    remove_tree(ticket.work);
    return end;
  }
  end.moved = moved_inputs(ticket.stamps, own);
  auto products = publish_products(ticket, report);
  if (!products) {
    end.kind = products.error().kind;
    end.error = std::move(products.error().error);
    return end;
  }
  if (ticket.has_inputs) ::unlink(ticket.inputs_file().c_str());
  end.products = std::move(*products);
  return end;
}

void cut_log(const std::string& path, std::uint64_t bytes_max) {
  struct stat seen{};
  if (::stat(path.c_str(), &seen) != 0 || static_cast<std::uint64_t>(seen.st_size) <= bytes_max) return;
  const auto half = static_cast<off_t>(bytes_max / 2);
  const auto whole = seen.st_size;
  const int from = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto shorter = path + ".cut";
  const int to = ::open(shorter.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const auto line = "\n[baton: " + std::to_string(whole - 2 * half) + " bytes were cut out here]\n";
  const auto copy = [&](off_t at) {
    for (auto left = half; left > 0;) {
      const auto size = ::copy_file_range(from, &at, to, nullptr, static_cast<std::size_t>(left), 0);
      if (size <= 0) return false;
      left -= size;
    }
    return true;
  };
  const bool good = from >= 0 && to >= 0 && copy(0) &&
                    ::write(to, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && copy(whole - half);
  if (from >= 0) ::close(from);
  if (to >= 0) ::close(to);
  if (!good || ::rename(shorter.c_str(), path.c_str()) != 0) ::unlink(shorter.c_str());  // a full disk: the long one stays
}

}  // namespace baton::local
