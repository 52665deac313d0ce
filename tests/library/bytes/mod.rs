mod decimal;
