#include "backend/local/messages.hpp"

#include "backend/local/wire.hpp"

namespace baton::local {
namespace {

using Texts = std::vector<std::string>;

// ---- parts --------------------------------------------------------------------------------------------------------------
void put(Writer& out, const Texts& texts) {
  out.add(static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) out.add(text);
}
void put(Writer& out, const std::map<std::string, double>& amounts) {
  out.add(static_cast<std::uint32_t>(amounts.size()));
  for (const auto& [name, amount] : amounts) out.add(name).add(amount);
}
void put(Writer& out, const Spec& job) {
  out.add(job.id).add(job.folder);
  put(out, job.argv);
  put(out, job.environment);
  out.add(job.inputs.has_value()).add(job.inputs ? std::string_view(*job.inputs) : std::string_view());
  out.add(static_cast<std::uint32_t>(job.copies.size()));
  for (const auto& [from, name] : job.copies) out.add(from).add(name);
  put(out, job.folders);
  put(out, job.resources);
  out.add(job.run_us).add(job.silence_us).add(job.grace_us).add(job.ticket);
}
void put(Writer& out, const std::vector<Report>& reports) {
  out.add(static_cast<std::uint32_t>(reports.size()));
  for (const auto& report : reports)
    out.add(report.id)
        .add(report.status)
        .add(report.reason)
        .add(report.code)
        .add(report.signal)
        .add(report.started_us)
        .add(report.ended_us)
        .add(report.inode)
        .add(report.ticket);
}

Texts get_texts(Reader& in) {
  Texts texts;
  for (auto left = in.count(); left > 0; --left) texts.push_back(in.text());
  return texts;
}
std::map<std::string, double> get_amounts(Reader& in) {
  std::map<std::string, double> amounts;
  for (auto left = in.count(); left > 0; --left) {
    auto name = in.text();
    amounts[std::move(name)] = in.number<double>();
  }
  return amounts;
}
Spec get_spec(Reader& in) {
  Spec job;
  job.id = in.text();
  job.folder = in.text();
  job.argv = get_texts(in);
  job.environment = get_texts(in);
  const bool inputs = in.number<std::uint8_t>() != 0;
  auto text = in.text();
  if (inputs) job.inputs = std::move(text);
  for (auto left = in.count(); left > 0; --left) {
    auto from = in.text();
    job.copies.emplace_back(std::move(from), in.text());
  }
  job.folders = get_texts(in);
  job.resources = get_amounts(in);
  job.run_us = in.number<std::int64_t>();
  job.silence_us = in.number<std::int64_t>();
  job.grace_us = in.number<std::int64_t>();
  job.ticket = in.text();
  return job;
}
std::vector<Report> get_reports(Reader& in) {
  std::vector<Report> reports;
  for (auto left = in.count(); left > 0; --left) {
    Report report;
    report.id = in.text();
    report.status = in.number<Status>();
    report.reason = in.number<Reason>();
    report.code = in.number<std::int32_t>();
    report.signal = in.number<std::int32_t>();
    report.started_us = in.number<std::int64_t>();
    report.ended_us = in.number<std::int64_t>();
    report.inode = in.number<std::uint64_t>();
    report.ticket = in.text();
    reports.push_back(std::move(report));
  }
  return reports;
}

// ---- messages -----------------------------------------------------------------------------------------------------------
void put(Writer& out, const Hello& hello) {
  out.add(protocol_version).add(hello.slots);
  put(out, hello.capacity);
  put(out, hello.environment);
}
void put(Writer& out, const Begin& begin) {
  out.add(static_cast<std::uint32_t>(begin.jobs.size()));
  for (const auto& job : begin.jobs) put(out, job);
}
void put(Writer& out, const Bar& bar) { put(out, bar.jobs); }
void put(Writer& out, const Stop& stop) {
  out.add(static_cast<std::uint32_t>(stop.jobs.size()));
  for (const auto& [id, hard] : stop.jobs) out.add(id).add(hard);
}
void put(Writer& out, const Forget& forget) { put(out, forget.jobs); }
void put(Writer& out, const Query& query) {
  out.add(query.token);
  put(out, query.jobs);
}
void put(Writer& out, const News& news) { put(out, news.reports); }
void put(Writer& out, const Answer& answer) {
  out.add(answer.token);
  put(out, answer.reports);
}

template <class Message>
std::string frame_of(const Message& message) {
  Writer out;
  out.add(static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& part) { put(out, part); }, message);
  Writer frame;
  frame.add(std::string_view(out.bytes()));
  return frame.take();
}

std::optional<Request> read_request(std::uint8_t kind, Reader& in) {
  switch (kind) {
    case 0: {
      if (in.number<std::uint32_t>() != protocol_version) return std::nullopt;
      Hello hello;
      hello.slots = in.number<std::uint32_t>();
      hello.capacity = get_amounts(in);
      hello.environment = get_texts(in);
      return hello;
    }
    case 1: {
      Begin begin;
      for (auto left = in.count(); left > 0; --left) begin.jobs.push_back(get_spec(in));
      return begin;
    }
    case 2: return Bar{get_texts(in)};
    case 3: {
      Stop stop;
      for (auto left = in.count(); left > 0; --left) {
        auto id = in.text();
        stop.jobs.emplace_back(std::move(id), in.number<std::uint8_t>() != 0);
      }
      return stop;
    }
    case 4: return Forget{get_texts(in)};
    case 5: {
      const auto token = in.number<std::uint64_t>();
      return Query{token, get_texts(in)};
    }
    default: return std::nullopt;
  }
}

std::optional<Response> read_response(std::uint8_t kind, Reader& in) {
  switch (kind) {
    case 0: return News{get_reports(in)};
    case 1: {
      const auto token = in.number<std::uint64_t>();
      return Answer{token, get_reports(in)};
    }
    default: return std::nullopt;
  }
}

}  // namespace

std::string encode(const Request& request) { return frame_of(request); }
std::string encode(const Response& response) { return frame_of(response); }

std::optional<Request> decode_request(std::string_view frame) {
  Reader in(frame);
  auto request = read_request(in.number<std::uint8_t>(), in);
  return in.good() && in.ended() ? request : std::nullopt;
}
std::optional<Response> decode_response(std::string_view frame) {
  Reader in(frame);
  auto response = read_response(in.number<std::uint8_t>(), in);
  return in.good() && in.ended() ? response : std::nullopt;
}

std::optional<std::string_view> Frames::next() {
  const std::string_view left = std::string_view(buffer_).substr(at_);
  std::uint32_t size = 0;
  if (left.size() >= sizeof size) {
    std::memcpy(&size, left.data(), sizeof size);
    broken_ = broken_ || size > frame_bytes_max;
    if (!broken_ && left.size() - sizeof size >= size) {
      at_ += sizeof size + size;
      return left.substr(sizeof size, size);
    }
  }
  buffer_.erase(0, at_);
  at_ = 0;
  return std::nullopt;
}

}  // namespace baton::local
