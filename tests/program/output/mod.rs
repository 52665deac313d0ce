mod check;
mod file;
mod formats;
mod interval;
mod original_program;
mod standard_streams;
mod timeout;
