/// What Baton and its keeper say to each other. A frame is its length (4 bytes, of what follows), a kind (1 byte) and the message.
/// Baton says hello first; what it says is done in the order in which it is said, and nothing is answered but `Query` (by an `Answer`):
/// everything else shows in `News`, which go to all that are connected.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace baton::local {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::size_t frame_bytes_max = 256u << 20;  ///< a job with every input of a wide gather; more is a broken peer

/// All that the keeper needs to run a job. The folder is absolute; beside it lie `<folder>.log` and, where they are made,
/// `<folder>.in.json` and `<folder>.out.json`.
struct Spec {
  std::string id;
  std::string folder;                                       ///< the work directory: made afresh when the job begins
  std::vector<std::string> argv;                            ///< never empty
  std::vector<std::string> environment;                     ///< NAME=VALUE, over the one of the connection
  std::optional<std::string> inputs;                        ///< text of `<folder>.in.json`
  std::vector<std::pair<std::string, std::string>> copies;  ///< file -> name in the work directory
  std::vector<std::string> folders;                         ///< to be made in the work directory: outputs lie in them
  std::map<std::string, double> resources;
  std::int64_t run_us = 0;      ///< run time allowed; 0: without limit
  std::int64_t silence_us = 0;  ///< time without a byte of output allowed; 0: without limit
  std::int64_t grace_us = 0;    ///< from TERM to KILL
  std::string ticket;           ///< of Baton's own; given back in answers
  bool operator==(const Spec&) const = default;
};

enum class Status : std::uint8_t { unknown, queued, lacking, barred, running, ended, dead };
/// Why a job was ended by the keeper, if it was.
enum class Reason : std::uint8_t { none, timeout, silence, oom, cancelled, spawn };

struct Report {
  std::string id;
  Status status = Status::unknown;
  Reason reason = Reason::none;
  std::int32_t code = 0;                      ///< ended: exit code, or 128 + signal; errno where `reason` is spawn
  std::int32_t signal = 0;                    ///< ended by this signal; 0: it exited
  std::int64_t started_us = 0, ended_us = 0;  ///< wall clock, UTC
  std::uint64_t inode = 0;                    ///< of the work directory
  std::string ticket;                         ///< in answers alone
  bool operator==(const Report&) const = default;
};

struct Hello {
  std::uint32_t slots = 1;
  std::map<std::string, double> capacity;  ///< what is not named is without limit
  std::vector<std::string> environment;    ///< NAME=VALUE
};
struct Begin {
  std::vector<Spec> jobs;
};
struct Bar {
  std::vector<std::string> jobs;
};
struct Stop {
  std::vector<std::pair<std::string, bool>> jobs;  ///< and whether by KILL at once
};
struct Forget {
  std::vector<std::string> jobs;
};
struct Query {
  std::uint64_t token = 0;
  std::vector<std::string> jobs;
};
using Request = std::variant<Hello, Begin, Bar, Stop, Forget, Query>;

struct News {
  std::vector<Report> reports;
};
struct Answer {
  std::uint64_t token = 0;
  std::vector<Report> reports;  ///< one for each that was asked for, in that order
};
using Response = std::variant<News, Answer>;

/// A whole frame.
[[nodiscard]] std::string encode(const Request& request);
[[nodiscard]] std::string encode(const Response& response);
/// One frame without its length. Nothing: damaged, or of another version.
[[nodiscard]] std::optional<Request> decode_request(std::string_view frame);
[[nodiscard]] std::optional<Response> decode_response(std::string_view frame);

/// Cuts a stream into frames.
class Frames {
 public:
  void add(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole frame without its length, valid until the next call. Nothing: more bytes are needed, or `broken`.
  [[nodiscard]] std::optional<std::string_view> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::string buffer_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace baton::local
