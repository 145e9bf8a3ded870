package report

import (
	"archive/zip"
	"fmt"
	"io"
	"time"
)

// Write writes files as a zip, below a directory.
func Write(w io.Writer, directory string, files []File, at time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		out, err := z.CreateHeader(&zip.FileHeader{Name: directory + "/" + f.Name, Method: zip.Deflate, Modified: at})
		if err == nil {
			_, err = out.Write(f.Data)
		}
		if err != nil {
			return fmt.Errorf("write %s of the report: %w", f.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
